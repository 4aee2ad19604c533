import { withoutQueries } from './address.js';

/**
 * What a request met:
 *
 * - `connection`: no answer, or one that broke off or stalled
 * - `status`: an answer that is no success
 * - `no-ranges`: a whole file where a part was asked for
 * - `changed`: the file became another one while it was read
 */
export type HttpFailureKind = 'connection' | 'status' | 'no-ranges' | 'changed';

/** Facts of a failure. */
export interface HttpFailureFacts {
  readonly status?: number;
  readonly headers?: Headers;
  /** Another attempt may help. */
  readonly isPassing?: boolean;
  /** An answer had begun. */
  readonly hasAnswer?: boolean;
}

/**
 * A request that failed, for callers to turn into an error of their own. Its message has no users and queries of addresses in
 * it, and it has no cause: the errors of HTTP libraries hold whole addresses.
 */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly kind: HttpFailureKind;
  readonly status: number | undefined;
  readonly headers: Headers | undefined;
  readonly isPassing: boolean;
  readonly hasAnswer: boolean;
  /** Attempts that failed in a row. */
  attempts = 1;
  /** The first byte that is missing. */
  position = 0;

  constructor(kind: HttpFailureKind, message: string, facts: HttpFailureFacts = {}) {
    const { status, headers, isPassing = false, hasAnswer = status !== undefined } = facts;
    super(withoutQueries(message));
    this.hasAnswer = hasAnswer;
    this.kind = kind;
    this.status = status;
    this.headers = headers;
    this.isPassing = isPassing;
  }

  /** Milliseconds that the server asks to wait: seconds or a date (RFC 9110, 10.2.3). */
  get retryAfter(): number | undefined {
    const value = this.headers?.get('retry-after') ?? '';
    if (value === '') return undefined;
    const seconds = Number(value);
    if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
    const date = Date.parse(value);
    return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
  }

  /** True for a server that could not be reached or is out of order, as opposed to one that refused. */
  get isUnreachable(): boolean {
    return this.kind === 'connection' || (this.status ?? 0) >= 500;
  }
}

/** What lies at the bottom of an error: `fetch failed` says nothing, its cause does. */
export function deepestMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return deepestMessage(cause.errors[0]);
  return cause instanceof Error ? deepestMessage(cause) : error.message;
}
