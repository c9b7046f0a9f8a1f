import type { Schema } from '../../api/types';

type Clouds = Schema<'CloudScopeBody'>[];

export const PROVIDERS: Schema<'CloudProvider'>[] = ['azure', 'aws', 'gcp', 'on-premises'];

/** The boxes of the cloud tree that a scope checks: `aws` for a whole provider, `aws/1234` for an account. */
export function keysOf(clouds: Clouds): string[] {
  return clouds.flatMap((cloud) =>
    cloud.accounts ? cloud.accounts.map((account) => `${cloud.provider}/${account}`) : [cloud.provider],
  );
}

/**
 * The scope that checked boxes mean. A provider's box stands for all of its accounts, also those added
 * later; where a provider and accounts of it are both checked, the one that was checked last counts.
 */
export function cloudsOf(keys: string[], before: Clouds): Clouds {
  return PROVIDERS.flatMap((provider): Clouds => {
    const whole = keys.includes(provider);
    const accounts = keys
      .filter((key) => key.startsWith(`${provider}/`))
      .map((key) => key.slice(provider.length + 1));
    const wasWhole = before.some((cloud) => cloud.provider === provider && !cloud.accounts);
    if (whole && (accounts.length === 0 || !wasWhole)) return [{ provider }];
    return accounts.length > 0 ? [{ provider, accounts }] : [];
  });
}
