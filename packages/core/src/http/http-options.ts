import { checkOptions, type OptionNames } from '../config-checks.js';
import { ConfigError } from '../errors.js';

/** How failed requests are repeated. */
export interface RetryOptions {
  /** Attempts that may fail in a row, after the first, before giving up; a download that moves on counts anew. Default 5. */
  readonly retries?: number;
  /** Milliseconds before the first new attempt; doubled each time, up to a minute. Default 500. */
  readonly backoff?: number;
  /** Milliseconds without a byte after which a connection counts as stalled. Default 30,000. */
  readonly stallTimeout?: number;
  /** Most milliseconds that a server may ask to wait (`Retry-After`); one that asks for more has refused. Default 120,000. */
  readonly longestWait?: number;
}

/** How remote files are asked for. */
export interface HttpOptions extends RetryOptions {
  /** Sent with each request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** In place of the global `fetch`, for proxies. */
  readonly fetch?: typeof fetch;
}

const OPTIONS: OptionNames<HttpOptions> = {
  retries: 'optional',
  backoff: 'optional',
  stallTimeout: 'optional',
  longestWait: 'optional',
  headers: 'optional',
  signal: 'optional',
  fetch: 'optional',
};
const RETRY_OPTIONS = ['retries', 'backoff', 'stallTimeout', 'longestWait'] as const;

/**
 * The retry options with their defaults.
 *
 * @throws ConfigError for one that is no number from 0 on, and for options that there are not
 */
export function retryDefaults(options: HttpOptions = {}): Required<RetryOptions> {
  checkOptions('http', options, OPTIONS);
  for (const name of RETRY_OPTIONS) {
    const value = options[name];
    if (value === undefined || (typeof value === 'number' && value >= 0)) continue;
    throw new ConfigError({ where: 'http', expected: `${name} to be a number from 0 on`, got: String(value) });
  }
  const { retries = 5, backoff = 500, stallTimeout = 30_000, longestWait = 120_000 } = options;
  return { retries, backoff, stallTimeout, longestWait };
}
