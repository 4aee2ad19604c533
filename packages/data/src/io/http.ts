import { setTimeout as sleep } from 'node:timers/promises';
import { DataError, messageOf } from '../data-error.js';
import { publicName, withoutQueries } from './address.js';

/** How patient a download is. */
export interface HttpOptions {
  /** Attempts that may fail in a row before the shard is given up; 5 by default. */
  readonly retries?: number;
  /** Milliseconds without a byte after which a connection counts as stalled; 30,000 by default. */
  readonly stallTimeout?: number;
  /** Milliseconds before the first new attempt, doubled each time up to a minute; 500 by default. */
  readonly backoff?: number;
  /** Sent with each request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A part of a remote file. */
export interface HttpRange {
  readonly start: number;
  /** The first byte that is not wanted any more. */
  readonly end: number;
  /** Called with each answer 206, e.g. to see the file's size; may throw. */
  onAnswer?(headers: Headers): void;
}

/**
 * The bytes of a remote file, or of a part of it. A connection that breaks, stalls or answers 429 or 5xx is opened again where it stopped
 * (`Range`, guarded by `If-Range`); a server without ranges is read again from the start up to that place.
 *
 * @throws DataError `unreachable` once the attempts are used up, or at once for other answers than 2xx, or where a part is
 *   wanted and the server has no ranges
 */
export async function* httpBytes(
  url: string,
  options: HttpOptions = {},
  range?: HttpRange,
): AsyncGenerator<Uint8Array> {
  const { retries = 5, stallTimeout = 30_000, backoff = 500 } = options;
  const origin = { file: publicName(url) };
  const start = range?.start ?? 0;
  let position = start;
  let total = range?.end;
  let etag: string | undefined;
  let failures = 0;
  for (;;) {
    const connection = new AbortController();
    const abort = () => connection.abort(options.signal?.reason);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener('abort', abort, { once: true });
    const watch = new Watchdog(stallTimeout, () => connection.abort(new Error(`no byte for ${stallTimeout} ms`)));
    let retryAfter = 0;
    try {
      const response = await fetch(url, {
        signal: connection.signal,
        headers: {
          ...options.headers,
          'accept-encoding': 'identity',
          ...((range || position > 0) && { range: `bytes=${position}-${range ? range.end - 1 : ''}` }),
          ...(position > start && isStrong(etag) && { 'if-range': etag }),
        },
      });
      if (response.status === 416 && position === total) return;
      if (response.status === 429 || response.status >= 500) {
        retryAfter = Number(response.headers.get('retry-after')) * 1000 || 0;
        await response.body?.cancel();
        throw new Error(`the server answered ${response.status}`);
      }
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw new DataError('unreachable', origin, {
          expected: 'an answer 200',
          got: String(response.status),
          remedy: 'check the address and the credentials in `headers`',
        });
      }
      if (range && response.status !== 206) {
        await response.body.cancel();
        throw new DataError('unreachable', origin, {
          expected: 'a server that sends parts of files (an answer 206)',
          got: String(response.status),
          remedy: 'download the file first',
        });
      }
      const sent = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
      if (response.status === 206 && sent !== undefined && Number(sent) !== position) {
        throw new Error(`the server sent bytes from ${sent} instead of ${position}`);
      }
      range?.onAnswer?.(response.headers);
      const tag = response.headers.get('etag') ?? undefined;
      if (position > start && etag !== tag) {
        throw new DataError('unreachable', origin, {
          problem: `the file changed on the server while it was read (ETag ${etag} became ${tag})`,
          remedy: 'read it again from the start',
        });
      }
      etag = tag;
      let skip = response.status === 206 ? 0 : position;
      const length = Number(response.headers.get('content-length') ?? Number.NaN);
      if (!range && Number.isFinite(length)) total = response.status === 206 ? position + length : length;
      const reader = response.body.getReader();
      for (;;) {
        const { value: chunk, done } = await readUnlessAborted(reader, connection.signal);
        if (done) break;
        watch.pause();
        const rest = skip < chunk.byteLength ? chunk.subarray(skip, range && skip + range.end - position) : undefined;
        skip -= Math.min(skip, chunk.byteLength);
        if (rest && rest.byteLength > 0) {
          position += rest.byteLength;
          failures = 0;
          yield rest;
          if (range && position >= range.end) return;
        }
        watch.resume();
      }
      if (total !== undefined && position < total) throw new Error(`it ended after ${position} of ${total} bytes`);
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof DataError) throw error;
      failures++;
      if (failures > retries) {
        throw new DataError(
          'unreachable',
          origin,
          {
            problem: `gave up after ${failures} attempts in a row at byte ${position}: ${reasonOf(error)}`,
            remedy: 'check the address and the network, or raise `retries` and `stallTimeout`',
          },
          { cause: error },
        );
      }
      const wait = Math.max(Math.min(backoff * 2 ** (failures - 1), 60_000), Math.min(retryAfter, 60_000));
      await sleep(wait, undefined, { signal: options.signal });
    } finally {
      watch.pause();
      options.signal?.removeEventListener('abort', abort);
      connection.abort();
    }
  }
}

/** Only a strong tag promises the same bytes (RFC 9110, 13.1.5). */
function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !etag.startsWith('W/');
}

/** A read that ends with the signal: fetch's own body may then neither give a chunk nor fail (Node 20). */
function readUnlessAborted(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal) {
  return new Promise<ReadableStreamReadResult<Uint8Array>>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    reader
      .read()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Calls back when it was not paused for a while; paused while the reader of the bytes is busy. */
class Watchdog {
  #timer: NodeJS.Timeout | undefined;
  readonly #milliseconds: number;
  readonly #bark: () => void;

  constructor(milliseconds: number, bark: () => void) {
    this.#milliseconds = milliseconds;
    this.#bark = bark;
    this.resume();
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  resume(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#bark, this.#milliseconds);
  }
}

/** fetch hides the reason of a broken connection in `cause`. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return withoutQueries(cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`);
}
