import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DataError, messageOf } from '../data-error.js';
import { type HttpOptions, httpBytes } from './http.js';
import { isRemote } from './image-path.js';
import { unzstd } from './zstd.js';

/** True where a file is compressed as a whole, by its name: `.gz`, `.tgz`, `.zst`. */
export function isCompressed(file: string): boolean {
  return compressionOf(file) !== undefined;
}

/**
 * The bytes of a local or remote file, decompressed where its name ends in `.gz`, `.tgz` or `.zst`; a few chunks are
 * held at a time.
 *
 * @throws DataError `missing-file`, `unreadable-file`, `unreachable` or `malformed-archive`
 */
export async function* openBytes(file: string, http: HttpOptions = {}): AsyncGenerator<Uint8Array> {
  const raw = isRemote(file) ? httpBytes(file, http) : fileBytes(file);
  const compression = compressionOf(file);
  if (compression === undefined) {
    yield* raw;
    return;
  }
  try {
    const bytes = notEmpty(raw);
    yield* compression === 'gzip' ? gunzip(bytes) : unzstd(bytes);
  } catch (cause) {
    if (cause instanceof DataError || http.signal?.aborted) throw cause;
    throw new DataError(
      'malformed-archive',
      { file },
      {
        expected: `a whole ${compression} stream`,
        got: `an error from its decoder: ${messageOf(cause)}`,
        remedy: 'fetch or pack the file again',
      },
      { cause },
    );
  }
}

async function* fileBytes(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: CHUNK }) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw fileError(file, cause);
  }
}

/** An error of the file system as one that names the file and what to do. */
export function fileError(file: string, cause: unknown, origin = { file }): DataError {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new DataError(
      'missing-file',
      origin,
      { expected: `a file at ${file}`, got: 'nothing there', remedy: 'check the path, and the root it starts from' },
      { cause },
    );
  }
  return new DataError(
    'unreadable-file',
    origin,
    { expected: `to read ${file}`, got: messageOf(cause), remedy: 'check that it is a file and may be read' },
    { cause },
  );
}

/**
 * The same bytes, where there are any.
 *
 * @throws Error for an empty stream: a download that failed, to decoders that take it for an archive of nothing
 */
export async function* notEmpty(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    yield chunk;
  }
  if (length === 0) throw new Error('the file is empty');
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip();
  // pipeline hands errors of either side to the reader of the stream; its own promise only repeats them.
  pipeline(Readable.from(chunks, { objectMode: false }), stream).catch(() => {});
  yield* stream as AsyncIterable<Uint8Array>;
}

function compressionOf(file: string): 'gzip' | 'zstd' | undefined {
  const path = isRemote(file) ? new URL(file).pathname : file;
  if (/\.(gz|tgz)$/i.test(path)) return 'gzip';
  return /\.(zst|zstd)$/i.test(path) ? 'zstd' : undefined;
}

const CHUNK = 256 * 1024;
