import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';

/** A filter that somebody gave a name. */
export type View = Schema<'ViewBody'>;

/** The page that these views are of, in the center's words. */
const PAGE = 'alerts';
const KEY = ['saved-views'];

/** What a view is to be: a new one, or an own one that is changed. */
export interface ViewChange {
  view?: View;
  name: string;
  query: string;
  shared: boolean;
}

/** Saved views of the alert list: the user's own, and those that others share. */
export function useViews() {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: KEY });
  const query = useQuery({ queryKey: KEY, queryFn: () => take(api.GET('/api/v1/me/views')) });
  const save = useMutation({
    mutationFn: ({ view, ...rest }: ViewChange) => {
      const body: Schema<'ViewDraft'> = { ...rest, page: PAGE };
      return view
        ? take(
            api.PUT('/api/v1/me/views/{id}', {
              params: { path: { id: view.id }, header: { 'If-Match': view.etag } },
              body,
            }),
          )
        : take(api.POST('/api/v1/me/views', { body }));
    },
    // After a refusal, too: somebody may have changed it elsewhere.
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: (view: View) =>
      take(api.DELETE('/api/v1/me/views/{id}', { params: { path: { id: view.id } } })),
    onSettled: refresh,
  });
  return { views: viewsOf(query.data?.items ?? []), save, remove };
}

/** Those of the alert list, the user's own before those of others. */
export function viewsOf(all: View[]): View[] {
  const here = all.filter((view) => view.page === PAGE);
  return [...here.filter((view) => view.own), ...here.filter((view) => !view.own)];
}
