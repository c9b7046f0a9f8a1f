import { Alert, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { MAY } from '../../app/permissions';
import { MayButton } from '../../ui/MayButton';
import type { Draft } from './useDraft';

/** Stands below a policy as long as it has changes that are not saved. */
export function SaveBar<Policy>({ draft, onSave }: { draft: Draft<Policy>; onSave: () => void }) {
  const { t } = useTranslation();
  if (!draft.changed) return null;
  return (
    <>
      {draft.overtaken && (
        <Alert
          className="block-gap"
          type="warning"
          showIcon
          title={t('policy.overtaken', { name: draft.current.saved_by, version: draft.current.version })}
          action={<Button onClick={draft.rebase}>{t('conflict.keepMine')}</Button>}
        />
      )}
      <section className="save-bar" aria-label={t('policy.unsaved')}>
        <strong>{t('policy.unsaved')}</strong>
        <div className="row">
          <Button onClick={draft.discard}>{t('policy.discard')}</Button>
          <MayButton permission={MAY.writePolicies} type="primary" onClick={onSave}>
            {t('action.save')}
          </MayButton>
        </div>
      </section>
    </>
  );
}
