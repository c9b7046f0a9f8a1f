import { useTranslation } from 'react-i18next';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A point in time in the viewer's zone and language; the tooltip has the zone and UTC. */
export function Time({ at, seconds = true }: { at: string; seconds?: boolean }) {
  const { i18n } = useTranslation();
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>—</span>;
  return (
    <time dateTime={at} title={`${formatLong(date, i18n.language)}\n${date.toISOString()}`}>
      {formatTime(date, i18n.language, seconds)}
    </time>
  );
}

/** How long ago something was; the tooltip has the time itself. */
export function Ago({ at, now = Date.now() }: { at: string; now?: number }) {
  const { i18n } = useTranslation();
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>—</span>;
  return (
    <time dateTime={at} title={`${formatLong(date, i18n.language)}\n${date.toISOString()}`}>
      {formatAgo((date.getTime() - now) / 1000, i18n.language)}
    </time>
  );
}

export function formatTime(date: Date, language: string, seconds: boolean, timeZone?: string): string {
  return new Intl.DateTimeFormat(regional(language), {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: seconds ? '2-digit' : undefined,
    hourCycle: 'h23',
    timeZone,
  }).format(date);
}

/** The language as it is written where the viewer is: its dates differ between regions. */
export function regional(language: string): string {
  return navigator.languages.find((tag) => tag.startsWith(`${language}-`)) ?? language;
}

function formatLong(date: Date, language: string): string {
  return new Intl.DateTimeFormat(regional(language), { dateStyle: 'full', timeStyle: 'long' }).format(date);
}

export function formatAgo(seconds: number, language: string): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });
  const size = Math.abs(seconds);
  if (size < MINUTE) return format.format(Math.round(seconds), 'second');
  if (size < HOUR) return format.format(Math.round(seconds / MINUTE), 'minute');
  if (size < DAY) return format.format(Math.round(seconds / HOUR), 'hour');
  return format.format(Math.round(seconds / DAY), 'day');
}
