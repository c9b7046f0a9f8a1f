import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';

/** A version of a policy, whatever it is a policy of. */
export interface PolicyVersion<Policy> {
  version: number;
  etag: string;
  saved_by: string;
  saved_at: string;
  comment: string;
  policy: Policy;
  yaml: string;
  diagnostics: Schema<'DiagnosticDto'>[];
}

/** What can be asked about a kind of policy. */
export interface PolicyApi<Policy> {
  /** First part of the keys of its queries, and name of its draft in the browser. */
  key: string;
  get: () => Promise<PolicyVersion<Policy>>;
  check: (policy: Policy) => Promise<Schema<'CheckResult'>>;
  diff: (policy: Policy) => Promise<Schema<'PolicyDiffBody'>>;
  simulate: (policy: Policy, days: number) => Promise<Schema<'SimulationResult'>>;
  save: (
    policy: Policy,
    etag: string,
    comment: string,
    acceptWarnings: boolean,
  ) => Promise<PolicyVersion<Policy>>;
  versions: () => Promise<Schema<'PolicyVersionPage'>>;
  version: (version: number) => Promise<PolicyVersion<Policy>>;
  rollback: (version: number, etag: string, comment: string) => Promise<PolicyVersion<Policy>>;
}

/** Versions that are listed. */
const VERSIONS_LISTED = 100;

export const driftApi: PolicyApi<Schema<'DriftPolicyBody'>> = {
  key: 'drift-policy',
  get: () => take(api.GET('/api/v1/drift-policy')),
  check: (policy) => take(api.POST('/api/v1/drift-policy/check', { body: { policy } })),
  diff: (policy) => take(api.POST('/api/v1/drift-policy/diff', { body: { policy } })),
  simulate: (policy, days) =>
    take(api.POST('/api/v1/drift-policy/simulate', { body: { draft: { policy }, days } })),
  save: (policy, etag, comment, acceptWarnings) =>
    take(
      api.PUT('/api/v1/drift-policy', {
        params: { header: { 'If-Match': etag } },
        body: { policy, comment, accept_warnings: acceptWarnings },
      }),
    ),
  versions: () =>
    take(api.GET('/api/v1/drift-policy/versions', { params: { query: { limit: VERSIONS_LISTED } } })),
  version: (version) =>
    take(api.GET('/api/v1/drift-policy/versions/{version}', { params: { path: { version } } })),
  rollback: (version, etag, comment) =>
    take(
      api.POST('/api/v1/drift-policy/rollback', {
        params: { header: { 'If-Match': etag } },
        body: { version, comment },
      }),
    ),
};

export const defenceApi: PolicyApi<Schema<'DefencePolicyBody'>> = {
  key: 'defence-rules',
  get: () => take(api.GET('/api/v1/defence-rules')),
  check: (policy) => take(api.POST('/api/v1/defence-rules/check', { body: { policy } })),
  diff: (policy) => take(api.POST('/api/v1/defence-rules/diff', { body: { policy } })),
  simulate: (policy, days) =>
    take(api.POST('/api/v1/defence-rules/simulate', { body: { draft: { policy }, days } })),
  save: (policy, etag, comment, acceptWarnings) =>
    take(
      api.PUT('/api/v1/defence-rules', {
        params: { header: { 'If-Match': etag } },
        body: { policy, comment, accept_warnings: acceptWarnings },
      }),
    ),
  versions: () =>
    take(api.GET('/api/v1/defence-rules/versions', { params: { query: { limit: VERSIONS_LISTED } } })),
  version: (version) =>
    take(api.GET('/api/v1/defence-rules/versions/{version}', { params: { path: { version } } })),
  rollback: (version, etag, comment) =>
    take(
      api.POST('/api/v1/defence-rules/rollback', {
        params: { header: { 'If-Match': etag } },
        body: { version, comment },
      }),
    ),
};
