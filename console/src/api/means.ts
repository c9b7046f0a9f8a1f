/** An identity provider at which one can log in. */
export interface Provider {
  /** What the button says. */
  label: string;
  /** Where the browser goes, within the center. */
  path: string;
}

/** Reasons for which a log-in at the provider came to nothing, as the center names them in the address. */
export const REFUSALS = ['expired', 'provider', 'not-allowed', 'too-many', 'unavailable'] as const;
export type Refusal = (typeof REFUSALS)[number];

/** The identity provider, if the center has one. A center that is older than this console has none. */
export async function provider(): Promise<Provider | null> {
  const answer = await fetch('/api/v1/session/means');
  if (!answer.ok) return null;
  const { oidc } = (await answer.json()) as { oidc?: Partial<Provider> | null };
  if (typeof oidc?.label !== 'string' || !oidc.path?.startsWith('/api/v1/')) return null;
  return { label: oidc.label, path: oidc.path };
}

/** The address of the log-in at the provider that comes back to where one is. */
export function providerAddress({ path }: Provider, here: Pick<Location, 'pathname' | 'search'>): string {
  const query = new URLSearchParams(here.search);
  query.delete('log_in_refused');
  const search = query.size > 0 ? `?${query.toString()}` : '';
  return `${path}?${new URLSearchParams({ return_to: here.pathname + search }).toString()}`;
}

/** Why the last log-in at the provider came to nothing, if it did. */
export function refusal(search: string): Refusal | null {
  const told = new URLSearchParams(search).get('log_in_refused');
  return told === null ? null : (REFUSALS.find((one) => one === told) ?? 'provider');
}
