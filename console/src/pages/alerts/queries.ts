import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { api, take } from '../../api/client';
import { isLong } from '../../api/refresh';
import type { AlertFilter } from './filter';

/** Alerts fetched at once. */
const PAGE_ROWS = 100;

export function useAlerts(filter: AlertFilter) {
  return useInfiniteQuery({
    queryKey: ['alerts', filter],
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const page = (cursor: string) =>
        take(
          api.GET('/api/v1/alerts', {
            params: { query: { ...filter, limit: PAGE_ROWS, ...(cursor ? { cursor } : {}) } },
            signal,
          }),
        );
      let found = await page(pageParam);
      // A search that has to go through many alerts first tells of the way.
      while (found.items.length === 0 && found.next_cursor) found = await page(found.next_cursor);
      return found;
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    // What has changed is told by the center; time alone makes no list old.
    staleTime: Infinity,
    refetchOnMount: ({ state }) => !isLong(state.data),
    refetchOnWindowFocus: false,
  });
}

export function useAlertCounts(filter: AlertFilter) {
  return useQuery({
    queryKey: ['alert-counts', filter],
    queryFn: ({ signal }) => take(api.GET('/api/v1/alerts/counts', { params: { query: filter }, signal })),
  });
}

export function useAlert(id: string) {
  return useQuery({
    queryKey: ['alert', id],
    queryFn: () => take(api.GET('/api/v1/alerts/{id}', { params: { path: { id } } })),
  });
}

export function useAlertHistory(id: string) {
  return useQuery({
    queryKey: ['alert', id, 'history'],
    queryFn: () => take(api.GET('/api/v1/alerts/{id}/history', { params: { path: { id } } })),
  });
}

export function useComments(id: string) {
  return useQuery({
    queryKey: ['alert', id, 'comments'],
    queryFn: () => take(api.GET('/api/v1/alerts/{id}/comments', { params: { path: { id } } })),
  });
}
