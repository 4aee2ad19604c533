import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { HttpOptions } from '@diptych/core/http';
import { isRemote, publicName } from '@diptych/core/http';
import { DataError, messageOf } from '../data-error.js';
import { compressionOf, decompress, MAGIC_BYTES } from './compression.js';
import { httpBytes } from './http.js';

/** True where a local file is compressed as a whole, by its first bytes; false where there is none. */
export async function isCompressed(path: string): Promise<boolean> {
  try {
    const file = await open(path);
    try {
      const head = new Uint8Array(MAGIC_BYTES);
      await file.read(head, 0, MAGIC_BYTES, 0);
      return compressionOf(head) !== undefined;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

/**
 * The bytes of a local or remote file, decompressed where they begin as gzip, zstd, bzip2 or xz does, whatever the file's name; a few
 * chunks are held at a time.
 *
 * @throws DataError `missing-file`, `unreadable-file`, `unreachable` or `malformed-archive`
 */
export async function* openBytes(file: string, http: HttpOptions = {}): AsyncGenerator<Uint8Array> {
  const raw = isRemote(file) ? httpBytes(file, http) : fileBytes(file);
  const name = publicName(file);
  try {
    yield* decompress(COMPRESSED_NAME.test(name) ? notEmpty(raw) : raw);
  } catch (cause) {
    if (cause instanceof DataError || http.signal?.aborted) throw cause;
    throw new DataError(
      'malformed-archive',
      { file: name },
      {
        expected: 'a whole gzip, zstd, bzip2 or xz stream, or none',
        got: messageOf(cause),
        remedy: 'fetch or pack the file again',
      },
      { cause },
    );
  }
}

/** Names of compressed files, which are never empty: a download that failed is. */
const COMPRESSED_NAME = /\.(t?gz|t?zstd?|t?bz2?|tbz|t?xz)$/i;

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

const CHUNK = 256 * 1024;
