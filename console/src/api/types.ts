import type { components } from './__generated__/center';

/** A shape of the center's API by its name there. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

export type AlertSummary = Schema<'AlertSummary'>;
export type Severity = Schema<'Severity'>;
export type AlertStatus = Schema<'AlertStatus'>;
export type Category = Schema<'Category'>;
export type Role = Schema<'Role'>;
export type Session = Schema<'SessionBody'>;
