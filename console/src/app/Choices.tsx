import { BulbOutlined, GlobalOutlined } from '@ant-design/icons';
import { Button, Dropdown } from 'antd';
import { useTranslation } from 'react-i18next';
import { LANGUAGES } from '../i18n';
import { useChoose } from './preferences';
import { APPEARANCE_CHOICES, useAppearance } from './theme';

/** Language and theme, to be chosen before and after log-in. */
export function Choices() {
  const { t, i18n } = useTranslation();
  const { choice } = useAppearance();
  const choose = useChoose();
  return (
    <div className="row">
      <Dropdown
        trigger={['click']}
        menu={{
          selectedKeys: [i18n.language],
          items: LANGUAGES.map((language) => ({
            key: language,
            label: <span lang={language}>{t(`language.${language}`)}</span>,
            onClick: () => choose({ language }),
          })),
        }}
      >
        <Button type="text" icon={<GlobalOutlined />} aria-label={t('language.label')} />
      </Dropdown>
      <Dropdown
        trigger={['click']}
        menu={{
          selectedKeys: [choice],
          items: APPEARANCE_CHOICES.map((one) => ({
            key: one,
            label: t(`appearance.${one}`),
            onClick: () => choose({ theme: one }),
          })),
        }}
      >
        <Button type="text" icon={<BulbOutlined />} aria-label={t('appearance.label')} />
      </Dropdown>
    </div>
  );
}
