import { useId } from 'react';

/** A day, after which something ends; empty is never. Kept as the end of that day in the viewer's zone. */
export function DayField({
  label,
  value,
  onChange,
}: {
  label: string;
  /** RFC 3339, or empty. */
  value: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="date"
        className="day-field"
        value={dayOf(value)}
        onChange={(event) => onChange(event.target.value ? endOf(event.target.value) : '')}
      />
    </div>
  );
}

/** The day of a time in the viewer's zone, as date fields take it. */
export function dayOf(value: string): string {
  const date = new Date(value);
  if (!value || Number.isNaN(date.getTime())) return '';
  const pad = (number: number) => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

function endOf(day: string): string {
  return new Date(`${day}T23:59:59`).toISOString();
}
