import { Connection } from './connection.js';
import { HttpFailure } from './http-failure.js';
import { type HttpOptions, retryDefaults } from './http-options.js';
import { Patience } from './patience.js';

/** Which part of a remote file is read, and what is known of it. */
export interface HttpRange {
  /** Default 0. */
  readonly start?: number;
  /** The first byte that is not wanted any more. The server must then have ranges. Default: the file's end. */
  readonly end?: number;
  /** Bytes of the whole file, where they are known: an answer that ends before is cut short. */
  readonly size?: number;
  /** The reader checks the content itself, so that another ETag (of another mirror, say) is no failure. */
  readonly isVerified?: boolean;
  /** Called with each answer, e.g. to see the file's size; may throw. */
  onAnswer?(headers: Headers, status: number): void;
}

/**
 * The bytes of a remote file, or of a part of it. A connection that breaks, stalls or answers 408, 429 or 5xx is opened again
 * where it stopped (`Range`, guarded by `If-Range`); a server without ranges is read again from the start up to that place.
 * Attempts in a row that bring nothing new are counted, so that a bad line gets a large file in the end.
 *
 * @throws HttpFailure once the attempts are used up, or at once for what does not pass: other answers than 2xx, a file that
 *   became another one, a part that is wanted from a server without ranges
 * @throws what `range.onAnswer` throws, and the signal's reason
 */
export async function* httpBytes(
  url: string,
  options: HttpOptions = {},
  range: HttpRange = {},
): AsyncGenerator<Uint8Array> {
  const download = new Download(url, options, range);
  const patience = new Patience(options);
  for (;;) {
    const before = download.position;
    try {
      yield* download.goOn();
      return;
    } catch (failure) {
      options.signal?.throwIfAborted();
      if (!(failure instanceof HttpFailure)) throw failure;
      if (download.position > before) patience.moved();
      failure.position = download.position;
      await patience.waitAfter(failure, options.signal);
    }
  }
}

class Download {
  /** The next byte that is wanted. */
  position: number;
  readonly #url: string;
  readonly #options: HttpOptions;
  readonly #range: HttpRange;
  readonly #start: number;
  readonly #stallTimeout: number;
  #total: number | undefined;
  /** The server compresses on the way: positions are those of other bytes than it counts. */
  #isEncoded = false;
  #etag: string | undefined;

  constructor(url: string, options: HttpOptions, range: HttpRange) {
    this.#url = url;
    this.#options = options;
    this.#range = range;
    this.#start = this.position = range.start ?? 0;
    this.#stallTimeout = retryDefaults(options).stallTimeout;
    this.#total = range.end ?? range.size;
  }

  /** The bytes from here on, as far as one connection brings them. */
  async *goOn(): AsyncGenerator<Uint8Array> {
    const { end } = this.#range;
    const connection = new Connection(this.#options, this.#stallTimeout);
    try {
      const response = await connection.ask(this.#url, { headers: this.#headers() });
      // Behind the last byte: of a file that is read to its end, or of an empty one.
      const behindAll = response.headers.get('content-range') === `bytes */${this.position}`;
      if (response.status === 416 && (behindAll || this.position === this.#total)) return;
      this.#check(response);
      let skip = response.status === 206 ? 0 : this.position;
      for await (const chunk of connection.read(response.body!)) {
        const wanted = end === undefined ? undefined : skip + end - this.position;
        const rest = skip < chunk.byteLength ? chunk.subarray(skip, wanted) : undefined;
        skip -= Math.min(skip, chunk.byteLength);
        if (!rest || rest.byteLength === 0) continue;
        this.position += rest.byteLength;
        yield rest;
        if (end !== undefined && this.position >= end) return;
      }
      if (this.#total === undefined || this.position >= this.#total) return;
      throw broken(`it ended after ${this.position} of ${this.#total} bytes`);
    } finally {
      connection.close();
    }
  }

  /** Asks for no compression on the way; some servers compress (or say that they did) all the same. */
  #headers(): Record<string, string> {
    const { start, end, isVerified } = this.#range;
    const asksForPart = !this.#isEncoded && (start !== undefined || end !== undefined || this.position > 0);
    const guard =
      asksForPart && !isVerified && this.position > this.#start && isStrong(this.#etag) ? this.#etag : undefined;
    return {
      ...this.#options.headers,
      'accept-encoding': 'identity',
      ...(asksForPart && { range: `bytes=${this.position}-${end === undefined ? '' : end - 1}` }),
      ...(guard !== undefined && { 'if-range': guard }),
    };
  }

  #check({ status, headers, body }: Response): void {
    const { end, isVerified } = this.#range;
    if (body === null || status === 416) {
      throw new HttpFailure('status', `the server answered ${status}`, { status, headers });
    }
    if (end !== undefined && status !== 206) {
      throw new HttpFailure('no-ranges', `the server answered ${status}`, { status, headers });
    }
    const sent = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
    if (status === 206 && sent !== undefined && Number(sent) !== this.position) {
      throw broken(`the server sent bytes from ${sent} instead of ${this.position}`);
    }
    this.#range.onAnswer?.(headers, status);
    const etag = headers.get('etag') ?? undefined;
    if (!isVerified && this.position > this.#start && this.#etag !== etag) {
      throw new HttpFailure('changed', `ETag ${this.#etag} became ${etag}`);
    }
    this.#etag = etag;
    this.#isEncoded = !/^(identity)?$/i.test(headers.get('content-encoding') ?? '');
    const length = Number((!this.#isEncoded && headers.get('content-length')) || Number.NaN);
    if (end === undefined && Number.isFinite(length)) this.#total = status === 206 ? this.position + length : length;
  }
}

function broken(message: string): HttpFailure {
  return new HttpFailure('connection', message, { isPassing: true, hasAnswer: true });
}

/** Only a strong tag promises the same bytes (RFC 9110, 13.1.5). */
function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !etag.startsWith('W/');
}
