import type { Schema } from '../../api/types';

/** Fields of a filter, by their names in the URL and in the API. */
export const FILTER_FIELDS = [
  'q',
  'status',
  'severity',
  'category',
  'key',
  'rule',
  'cluster',
  'namespace',
  'node',
  'pod',
  'container',
  'image',
  'incident',
  'from',
  'to',
] as const satisfies readonly (keyof Schema<'AlertFilter'>)[];
export type FilterField = (typeof FILTER_FIELDS)[number];
export type AlertFilter = Partial<Record<FilterField, string>>;

/** What is shown to somebody who set no filter: what waits for somebody. */
export const OPEN_STATUSES = 'unhandled,handling';

/** The filter that a URL holds. `status=all` stands for every status, no status for the open ones. */
export function readFilter(parameters: URLSearchParams): AlertFilter {
  const filter: AlertFilter = {};
  for (const field of FILTER_FIELDS) {
    const value = parameters.get(field);
    if (value) filter[field] = value;
  }
  if (filter.status === 'all') delete filter.status;
  else filter.status ??= OPEN_STATUSES;
  return filter;
}

/** The values of a field that can have several. */
export function several(value: string | null | undefined): string[] {
  return value ? value.split(',').filter(Boolean) : [];
}

/** The URL's parameters with one of them changed; an empty value removes it. */
export function changed(parameters: URLSearchParams, field: FilterField, value: string): URLSearchParams {
  const fresh = new URLSearchParams(parameters);
  if (value) fresh.set(field, value);
  else fresh.delete(field);
  return fresh;
}
