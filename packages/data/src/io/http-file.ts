import type { HttpOptions, HttpRange } from '@diptych/core/http';
import { publicName } from '@diptych/core/http';
import { DataError } from '../data-error.js';
import { httpBytes } from './http.js';

/**
 * A remote file that is read in parts, each with the patience of {@link httpBytes}. Parts can be kept for a while: a table's
 * rows are read some at a time, out of columns that are fetched whole.
 */
export class HttpFile {
  readonly byteLength: number;
  readonly #url: string;
  readonly #options: HttpOptions;
  readonly #version: string | null;
  readonly #kept = new Map<string, Promise<ArrayBuffer>>();
  #keeps = false;

  private constructor(url: string, options: HttpOptions, { size, version }: FileState) {
    this.#url = url;
    this.#options = options;
    this.byteLength = size;
    this.#version = version;
  }

  /**
   * Asks for the file's size.
   *
   * @throws DataError `unreachable` as `httpBytes`, or if the server has no ranges or does not tell the size
   */
  static async open(url: string, options: HttpOptions = {}): Promise<HttpFile> {
    let state: FileState | undefined;
    const onAnswer = (headers: Headers) => {
      state = fileState(url, headers);
    };
    for await (const _ of httpBytes(url, options, { start: 0, end: 1, onAnswer }));
    return new HttpFile(url, options, state!);
  }

  /** Keeps the parts that are read from now on (or not), and drops those that were kept. */
  keepParts(keep: boolean): void {
    this.#keeps = keep;
    this.#kept.clear();
  }

  /**
   * Bytes from `start` to `end`.
   *
   * @throws DataError `unreachable`
   */
  slice(start: number, end: number = this.byteLength): Promise<ArrayBuffer> {
    const key = `${start}-${end}`;
    const known = this.#kept.get(key);
    if (known) return known;
    const part = this.#read(start, end);
    if (this.#keeps) this.#kept.set(key, part);
    return part;
  }

  async #read(start: number, end: number): Promise<ArrayBuffer> {
    if (!(start >= 0 && end >= start && end <= this.byteLength)) {
      throw new Error(`bytes ${start} to ${end} lie outside the file`);
    }
    const bytes = new Uint8Array(end - start);
    if (bytes.length === 0) return bytes.buffer;
    const onAnswer: HttpRange['onAnswer'] = (headers) => this.#checkUnchanged(headers);
    let filled = 0;
    for await (const chunk of httpBytes(this.#url, this.#options, { start, end, onAnswer })) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes.buffer;
  }

  #checkUnchanged(headers: Headers): void {
    const { size, version } = fileState(this.#url, headers);
    if (size === this.byteLength && version === this.#version) return;
    throw new DataError(
      'unreachable',
      { file: publicName(this.#url) },
      { problem: 'the file changed on the server while it was read', remedy: 'read it again from the start' },
    );
  }
}

interface FileState {
  readonly size: number;
  /** The ETag, where the server gives one. */
  readonly version: string | null;
}

function fileState(url: string, headers: Headers): FileState {
  const range = headers.get('content-range');
  const size = Number(/\/(\d+)$/.exec(range ?? '')?.[1] ?? Number.NaN);
  if (Number.isSafeInteger(size)) return { size, version: headers.get('etag') };
  throw new DataError(
    'unreachable',
    { file: publicName(url) },
    { expected: "the file's size in Content-Range", got: String(range), remedy: 'download the file first' },
  );
}
