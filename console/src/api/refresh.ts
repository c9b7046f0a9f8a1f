import type { Query, QueryClient } from '@tanstack/react-query';

/**
 * Pages up to which a list is fetched anew by itself. All of them are fetched then, one after the other: with more, a flood
 * of alerts would become a flood of requests, and rows would move away under whoever reads far down.
 */
const PAGES_REFRESHED_MAX = 3;

/** Whether what was fetched is a list too long to be fetched anew with every change. */
export function isLong(data: unknown): boolean {
  const pages = (data as { pages?: unknown[] } | undefined)?.pages;
  return Array.isArray(pages) && pages.length > PAGES_REFRESHED_MAX;
}

/** Makes what was fetched stale, and fetches anew what is on show; long lists wait until their reader asks. */
export function refresh(client: QueryClient, concerned: (query: Query) => boolean): void {
  void client.invalidateQueries({ predicate: concerned, refetchType: 'none' });
  void client.refetchQueries({
    type: 'active',
    predicate: (query) => concerned(query) && !isLong(query.state.data),
  });
}
