import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { PolicyApi, PolicyVersion } from './api';

interface Kept<Policy> {
  etag: string;
  version: number;
  policy: Policy;
}

/** An edited policy, beside the one in force. */
export interface Draft<Policy> {
  /** The version in force, as it was last read. */
  current: PolicyVersion<Policy>;
  policy: Policy;
  /** The version that the edit began with, as `If-Match` takes it. */
  etag: string;
  baseVersion: number;
  changed: boolean;
  /** Whether somebody saved another version since the edit began. */
  overtaken: boolean;
  edit: (policy: Policy) => void;
  discard: () => void;
  /** Goes on from what was saved. */
  saved: (version: PolicyVersion<Policy>) => void;
  /** Keeps the edit, but takes the version in force as what it began with. */
  rebase: () => void;
}

/**
 * Edits a policy. The draft is kept in the browser's tab until it is saved or discarded, so that neither
 * a reload nor the end of a session loses it.
 */
export function useDraft<Policy>(api: PolicyApi<Policy>) {
  const client = useQueryClient();
  const storageKey = `yagura.draft.${api.key}`;
  const query = useQuery({ queryKey: [api.key], queryFn: api.get });
  const [kept, setKept] = useState<Kept<Policy> | null>(() => read<Policy>(storageKey));

  useEffect(() => {
    if (kept) sessionStorage.setItem(storageKey, JSON.stringify(kept));
    else sessionStorage.removeItem(storageKey);
  }, [kept, storageKey]);

  const current = query.data;
  if (!current) return { query, draft: null };
  const base = kept ?? { etag: current.etag, version: current.version, policy: current.policy };
  const draft: Draft<Policy> = {
    current,
    policy: base.policy,
    etag: base.etag,
    baseVersion: base.version,
    changed: kept !== null,
    overtaken: kept !== null && kept.etag !== current.etag,
    edit: (policy) =>
      setKept(base.etag === current.etag && same(policy, current.policy) ? null : { ...base, policy }),
    discard: () => setKept(null),
    saved: (version) => {
      client.setQueryData([api.key], version);
      void client.invalidateQueries({ queryKey: [api.key, 'versions'] });
      setKept(null);
    },
    rebase: () => setKept({ etag: current.etag, version: current.version, policy: base.policy }),
  };
  return { query, draft };
}

/** Whether two policies say the same, whatever the order of their fields. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return a == null && b == null;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) =>
    same(left[key], right[key]),
  );
}

function read<Policy>(key: string): Kept<Policy> | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null') as Kept<Policy> | null;
  } catch {
    return null;
  }
}
