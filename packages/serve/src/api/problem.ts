import { DiptychError, type ErrorParts, isDiptychError } from '@diptych/core';
import type { Problem } from './schemas.js';

/** Statuses that this server gives. */
export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 429 | 500 | 501 | 503;

const TITLES: Readonly<Record<ErrorStatus, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/** An error with the status that it is answered with. */
export class HttpError extends DiptychError {
  override readonly name = 'HttpError';
  readonly status: ErrorStatus;

  constructor(status: ErrorStatus, parts: ErrorParts, options?: { cause?: unknown }) {
    super(status < 500 ? 'input' : 'engine', parts, options);
    this.status = status;
  }
}

/** What a request did wrong; other kinds of errors are the server's own, and say too much of it. */
const OF_REQUESTS: readonly string[] = ['input', 'config', 'shape'];

/** Seconds after which a refused client may try again. */
const RETRY_AFTER = 1;

/** An error as RFC 9457 has it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpError || (isDiptychError(error) && OF_REQUESTS.includes(error.code))) {
    const status = error instanceof HttpError ? error.status : 400;
    const { code, where, expected, got, problem, remedy, message } = error;
    const parts = { where, expected, got, problem, remedy };
    return { type: `urn:diptych:problem:${code}`, title: TITLES[status], status, detail: message, code, ...parts };
  }
  const status = isDiptychError(error) && error.code === 'engine' ? 503 : 500;
  const detail = 'the server could not do this; its log has the reason';
  return { type: 'about:blank', title: TITLES[status], status, detail };
}

export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const { status } = problem;
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...((status === 429 || status === 503) && { 'retry-after': String(RETRY_AFTER) }),
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      // the rest of a body that is too large is not read
      ...((status === 413 || status === 408) && { connection: 'close' }),
      ...headers,
    },
  });
}
