import { useTranslation } from 'react-i18next';
import { Hostile } from '../../ui/Hostile';
import { Time } from '../../ui/Time';
import type { PolicyVersion } from './api';

/** Which version of a policy is in force, and since when. */
export function InForce({ version }: { version: PolicyVersion<unknown> }) {
  const { t } = useTranslation();
  if (version.version === 0) return <p className="secondary">{t('policy.asShipped')}</p>;
  return (
    <p className="secondary">
      {t('policy.inForce', { version: version.version })} · <Hostile>{version.saved_by}</Hostile> ·{' '}
      <Time at={version.saved_at} />
    </p>
  );
}
