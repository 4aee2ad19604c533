import type { HttpFailure } from './http-failure.js';
import { type RetryOptions, retryDefaults } from './http-options.js';

/** Counts failures in a row and waits between attempts. */
export class Patience {
  readonly #options: Required<RetryOptions>;
  #failures = 0;

  constructor(options: RetryOptions) {
    this.#options = retryDefaults(options);
  }

  /** Something new came: what failed before no longer counts. */
  moved(): void {
    this.#failures = 0;
  }

  /**
   * Waits as long as the server asks, else longer each time and spread out, so that clients do not march in step.
   *
   * @throws HttpFailure the failure itself, where another attempt does not help, or none is left
   * @throws the signal's reason
   */
  async waitAfter(failure: HttpFailure, signal?: AbortSignal): Promise<void> {
    const { retries, backoff, longestWait } = this.#options;
    failure.attempts = ++this.#failures;
    if (!failure.isPassing || this.#failures > retries) throw failure;
    const asked = failure.retryAfter;
    if (asked !== undefined && asked > longestWait) throw failure;
    const own = Math.min(backoff * 2 ** (this.#failures - 1), 60_000) * (0.75 + Math.random() / 2);
    await sleep(asked ?? own, signal);
  }
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
