import { useTranslation } from 'react-i18next';
import type { AlertStatus, Schema, Severity } from '../api/types';

/** Shapes besides colours, so that nobody has to tell colours apart. */
const SEVERITY_SHAPE: Record<Severity, string> = { urgent: '▲', suspicious: '◆', reminder: '●' };

export function SeverityBadge({ severity }: { severity: Severity }) {
  const { t } = useTranslation();
  return (
    <span className={`badge badge-${severity}`}>
      <span aria-hidden>{SEVERITY_SHAPE[severity]}</span> {t(`severity.${severity}`)}
    </span>
  );
}

type Tone = 'neutral' | 'good' | 'busy' | 'bad';

const STATUS_TONE: Record<AlertStatus, Tone> = {
  unhandled: 'bad',
  handling: 'busy',
  handled: 'good',
  ignored: 'neutral',
  whitelisted: 'neutral',
  'false-positive': 'neutral',
  'auto-blocked': 'good',
  expired: 'neutral',
};

export function StatusBadge({ status }: { status: AlertStatus }) {
  const { t } = useTranslation();
  return <Badge tone={STATUS_TONE[status]}>{t(`status.${status}`)}</Badge>;
}

const ACTION_TONE: Record<Schema<'ActionTaken'>, Tone> = {
  alerted: 'neutral',
  blocked: 'good',
  killed: 'busy',
};

export function ActionBadge({ action }: { action: Schema<'ActionTaken'> }) {
  const { t } = useTranslation();
  return <Badge tone={ACTION_TONE[action]}>{t(`actionTaken.${action}`)}</Badge>;
}

/** A word of a closed set; its colour only repeats what it says. */
export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: string }) {
  return <span className={`badge badge-${tone}`}>{children}</span>;
}
