import { HubError, isDiptychError } from '@diptych/core';
import type { RetryOptions } from './hub-options.js';

const RETRIED_STATUSES = [408, 429, 500, 502, 503, 504];

/** The retry options with their defaults. */
export function retryDefaults(options: RetryOptions = {}): Required<RetryOptions> {
  return { attempts: 5, delay: 500, longestWait: 120_000, stallTimeout: 30_000, ...options };
}

/**
 * A `fetch` that repeats requests that failed for passing reasons, waits as long as the server asks (429 and 503 with
 * `Retry-After`), gives up on connections that stay silent, and turns every other failure into a HubError. Its
 * response is always a success.
 *
 * @param where what errors name, e.g. `org/name@main`
 */
export function retryingFetch(where: string, base: typeof fetch, retry: Required<RetryOptions>): typeof fetch {
  return async (input, init) => {
    for (let attempt = 1; ; attempt++) {
      const outcome = await attemptFetch(base, input, init, retry.stallTimeout);
      if (outcome instanceof Response && outcome.ok) return outcome;
      const url = input instanceof Request ? input.url : String(input);
      const error =
        outcome instanceof Response ? await statusError(where, url, outcome) : networkError(where, url, outcome);
      const passing = !(outcome instanceof Response) || RETRIED_STATUSES.includes(outcome.status);
      if (!passing || attempt >= retry.attempts) throw error;
      const asked = outcome instanceof Response ? retryAfter(outcome) : undefined;
      if (asked !== undefined && asked > retry.longestWait) throw error;
      await sleep(asked ?? backoff(attempt, retry.delay));
    }
  };
}

/** Wait before the attempt after `failures` failed ones, in milliseconds; spread out, so that clients do not march in step. */
export function backoff(failures: number, delay: number): number {
  return Math.min(delay * 2 ** (failures - 1), 30_000) * (0.75 + Math.random() / 2);
}

/** Waits. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** True for a hub that could not be reached or is out of order, as opposed to one that refused. */
export function isUnreachable(error: unknown): boolean {
  return isDiptychError(error) && error.cause instanceof ConnectionLost;
}

/** A connection that gave no answer, half of one, or a server's own fault. */
export class ConnectionLost extends Error {}

async function attemptFetch(
  base: typeof fetch,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
  timeout: number,
): Promise<Response | ConnectionLost> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  try {
    return await base(input, { ...init, signal: abort.signal });
  } catch (cause) {
    if (isDiptychError(cause)) throw cause;
    const reason = abort.signal.aborted ? `no answer within ${timeout / 1000} s` : deepestMessage(cause);
    return new ConnectionLost(reason, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** `fetch failed` says nothing; its cause does. */
function deepestMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return deepestMessage(cause.errors[0]);
  return cause instanceof Error ? deepestMessage(cause) : error.message;
}

function networkError(where: string, url: string, cause: ConnectionLost): HubError {
  return new HubError(
    {
      where,
      problem: `${url} cannot be reached: ${cause.message}`,
      remedy: 'check the network; what is in the cache can be used with HF_HUB_OFFLINE=1',
    },
    { cause },
  );
}

async function statusError(where: string, url: string, response: Response): Promise<HubError> {
  const { status, headers } = response;
  await response.body?.cancel().catch(() => {});
  const reason = headers.get('x-error-code');
  const known = (reason && BY_ERROR_CODE[reason]) || BY_STATUS[status] || (status >= 500 ? BY_STATUS[500] : undefined);
  const wait = status === 429 ? retryAfter(response) : undefined;
  return new HubError(
    {
      where,
      problem: `${known?.problem ?? 'the hub refused'} (HTTP ${status} for ${url})`,
      remedy: wait === undefined ? known?.remedy : `${known?.remedy}; the hub asks to wait ${Math.ceil(wait / 1000)} s`,
    },
    status >= 500 ? { cause: new ConnectionLost(`HTTP ${status}`) } : {},
  );
}

interface Explanation {
  readonly problem: string;
  readonly remedy?: string;
}

const BY_ERROR_CODE: Readonly<Record<string, Explanation>> = {
  RepoNotFound: {
    problem: 'there is no such model, or it is private',
    remedy: 'check the id; for a private model set HF_TOKEN or pass `token`',
  },
  RevisionNotFound: { problem: 'the model has no such revision', remedy: 'check the name after @' },
  EntryNotFound: { problem: 'the model has no such file' },
  GatedRepo: {
    problem: 'the model is gated',
    remedy: 'accept its terms on its page, then set HF_TOKEN or pass `token`',
  },
};

const BY_STATUS: Readonly<Record<number, Explanation>> = {
  401: {
    problem: 'the hub asks who you are: the model is private, gated, or does not exist',
    remedy: 'check the id; for a private model set HF_TOKEN or pass `token`',
  },
  403: {
    problem: 'access denied',
    remedy: 'accept the terms on the model page, and check that the token may read it',
  },
  404: { problem: 'not found', remedy: 'check id, revision and file name' },
  429: { problem: 'too many requests', remedy: 'wait, or set HF_TOKEN for a higher limit' },
  500: { problem: 'the hub has a fault', remedy: 'try again later' },
};

function retryAfter({ headers }: Response): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
