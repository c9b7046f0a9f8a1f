import type { Schema } from './types';

type ProblemBody = Schema<'ProblemBody'>;

/** The center refused a request, and said why (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody) {
    super(body.detail || body.title);
    this.name = 'Problem';
    this.status = status;
    this.body = body;
  }
}

/** No answer came, or one that is not the center's: it is gone, too slow, or something stands in between. */
export class CenterGone extends Error {
  constructor(cause: unknown) {
    super('the center does not answer', { cause });
    this.name = 'CenterGone';
  }
}

/** Whether somebody else changed in the meantime what was to be changed. */
export function isStale(error: unknown): error is Problem {
  return (
    error instanceof Problem && (error.status === 412 || error.status === 409) && error.body.current != null
  );
}

/** Makes an error of an answer's body, whatever it is. */
export function problemOf(status: number, body: unknown): Problem | CenterGone {
  if (isProblemBody(body)) return new Problem(status, body);
  if (status >= 502 && status <= 504) return new CenterGone(`HTTP ${status}`);
  return new Problem(status, { type: 'about:blank', title: `HTTP ${status}`, status, detail: '' });
}

function isProblemBody(body: unknown): body is ProblemBody {
  return (
    typeof body === 'object' && body !== null && typeof (body as Partial<ProblemBody>).title === 'string'
  );
}
