import { isDiptychError } from '../errors.js';
import { splitCredentials } from './address.js';
import { deepestMessage, HttpFailure } from './http-failure.js';
import type { HttpOptions } from './http-options.js';

/** One request and its answer's bytes, given up where nothing comes for a while. To be closed in any case. */
export class Connection {
  readonly #abort = new AbortController();
  readonly #options: HttpOptions;
  readonly #stallTimeout: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HttpOptions, stallTimeout: number) {
    this.#options = options;
    this.#stallTimeout = stallTimeout;
    options.signal?.throwIfAborted();
    options.signal?.addEventListener('abort', this.#stop, { once: true });
  }

  /**
   * Asks, and waits for the beginning of an answer.
   *
   * @throws HttpFailure `connection`, or `status` for an answer that is no success
   * @throws the signal's reason
   */
  async ask(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
    const { url, ...request } = withCredentials(input, { ...init, signal: this.#abort.signal });
    const response = await this.#watched((this.#options.fetch ?? fetch)(url, request), false);
    if (response.ok || response.status === 416) return response;
    const { status, headers } = response;
    await response.body?.cancel().catch(() => {});
    const isPassing = status === 408 || status === 429 || (status >= 500 && status !== 501);
    throw new HttpFailure('status', `the server answered ${status}`, { status, headers, isPassing });
  }

  /**
   * The pieces of a body. While the reader is busy with one, no time counts.
   *
   * @throws HttpFailure `connection`
   * @throws the signal's reason
   */
  async *read(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    const reader = body.getReader();
    for (;;) {
      const { value, done } = await this.#watched(
        this.#unlessAborted(() => reader.read()),
        true,
      );
      if (done) return;
      yield value;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#stop);
    this.#abort.abort();
  }

  readonly #stop = () => this.#abort.abort(this.#options.signal?.reason);

  async #watched<T>(work: Promise<T>, hasAnswer: boolean): Promise<T> {
    const silence = () => this.#abort.abort(new Error(`no byte for ${this.#stallTimeout} ms`));
    this.#timer = setTimeout(silence, this.#stallTimeout);
    try {
      return await work;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      // Errors with a brand of their own (a token that no header can hold) come from a `fetch` that was handed in.
      if (isDiptychError(error)) throw error;
      const reason = this.#abort.signal.aborted ? this.#abort.signal.reason : error;
      throw new HttpFailure('connection', deepestMessage(reason), { isPassing: true, hasAnswer });
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** A read that ends with the signal: fetch's own body may then neither give a chunk nor fail (Node 20). */
  #unlessAborted<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.#abort;
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      work()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop));
    });
  }
}

function withCredentials(input: RequestInfo | URL, init: RequestInit): RequestInit & { url: RequestInfo } {
  if (input instanceof Request) return { ...init, url: input };
  const { url, authorization } = splitCredentials(String(input));
  const headers = new Headers(init.headers);
  if (authorization !== undefined && !headers.has('authorization')) headers.set('authorization', authorization);
  return { ...init, headers, url };
}
