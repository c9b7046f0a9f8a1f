import type { ReactNode } from 'react';
import { Hostile } from './Hostile';

export type Fact = [label: string, value: ReactNode];

/** Names and values; what has no value is left out. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== false)
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{typeof value === 'string' ? <Hostile wrap>{value}</Hostile> : value}</dd>
          </div>
        ))}
    </dl>
  );
}
