import { Button, Tooltip, type ButtonProps } from 'antd';
import { useTranslation } from 'react-i18next';
import { useMay } from '../app/session';

/** A button that stays visible to those who may not use it, and tells them why they may not. */
export function MayButton({ permission, disabled, ...rest }: ButtonProps & { permission: string }) {
  const { t } = useTranslation();
  const may = useMay(permission);
  if (may) return <Button disabled={disabled} {...rest} />;
  // aria-disabled instead of disabled: the reason must be reachable by keyboard too.
  return (
    <Tooltip title={t('state.mayNot')}>
      <Button {...rest} aria-disabled className="button-refused" onClick={undefined} htmlType="button" />
    </Tooltip>
  );
}
