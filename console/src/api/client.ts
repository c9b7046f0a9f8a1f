import createClient from 'openapi-fetch';
import type { paths } from './__generated__/center';
import { CenterGone, problemOf } from './problem';

/** Longest time that an answer may take, in milliseconds: a simulation over much history is the slowest. */
const ANSWER_MS_MAX = 60_000;

let csrfToken = '';
const endListeners = new Set<() => void>();

/** Remembers the token that every change has to carry. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

/** Calls back when an answer says that the session has ended. */
export function onSessionEnd(listener: () => void): () => void {
  endListeners.add(listener);
  return () => endListeners.delete(listener);
}

/** The center's API, typed by its OpenAPI document. */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: 'same-origin',
  fetch: (request) =>
    fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_MS_MAX)]) }),
});

api.use({
  onRequest({ request }) {
    if (request.method !== 'GET' && csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
});

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The data of an answer; every other outcome is thrown as `Problem` or `CenterGone`. */
export async function take<Data>(answer: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  return (await takeWithEtag(answer)).data;
}

/** The data of an answer with its version, which a later change has to name. */
export async function takeWithEtag<Data>(
  answer: Promise<Answer<Data>>,
): Promise<{ data: NonNullable<Data>; etag: string }> {
  let settled: Answer<Data>;
  try {
    settled = await answer;
  } catch (error) {
    throw error instanceof DOMException && error.name === 'AbortError' ? error : new CenterGone(error);
  }
  const { data, error, response } = settled;
  if (!response.ok) {
    if (response.status === 401 && !response.url.endsWith('/session'))
      for (const listener of endListeners) listener();
    throw problemOf(response.status, error);
  }
  return { data: (data ?? {}) as NonNullable<Data>, etag: response.headers.get('ETag') ?? '' };
}
