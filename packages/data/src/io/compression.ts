import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { bunzip2 } from './bzip2.js';
import { peek } from './peek.js';
import { unxz } from './xz.js';
import { unzstd } from './zstd.js';

/** How bytes are compressed, by the magic numbers that they begin with; names of formats that are not read. */
export type Compression = 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'lz4' | 'zip';

/** Bytes that tell compressions apart. */
export const MAGIC_BYTES = 6;

/** The compression of bytes by their first {@link MAGIC_BYTES}: names lie, where a server or a browser has unpacked a file. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  const found = MAGIC.find(([magic]) => magic.every((byte, i) => byte === undefined || head[i] === byte));
  return found?.[1];
}

const MAGIC: readonly (readonly [readonly (number | undefined)[], Compression])[] = [
  [[0x1f, 0x8b, 0x08], 'gzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd'],
  // BZh, a level, and the first digits of pi of a block, or of its root for a stream without one
  [[0x42, 0x5a, 0x68, undefined, 0x31, 0x41], 'bzip2'],
  [[0x42, 0x5a, 0x68, undefined, 0x17, 0x72], 'bzip2'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'xz'],
  [[0x04, 0x22, 0x4d, 0x18], 'lz4'],
  [[0x50, 0x4b, 0x03, 0x04], 'zip'],
];

/**
 * A stream without its compressions: gzip, zstd, bzip2 and xz, each with any number of members, also one in the other or one in
 * itself, as files come that were packed twice. Some megabytes are held at a time, however much a few bytes stand for.
 *
 * @throws Error where the bytes are damaged, cut short or compressed in another way
 */
export async function* decompress(chunks: AsyncIterable<Uint8Array>, depth = 0): AsyncGenerator<Uint8Array> {
  const { head, whole } = await peek(chunks, MAGIC_BYTES);
  const compression = compressionOf(head);
  if (compression === undefined) {
    yield* whole;
    return;
  }
  if (compression === 'lz4' || compression === 'zip') {
    throw new Error(`it is compressed with ${compression}; only ${Object.keys(DECODERS).join(', ')} are read`);
  }
  if (depth === MAX_DEPTH) throw new Error(`it is compressed more than ${MAX_DEPTH} times`);
  yield* decompress(DECODERS[compression](whole), depth + 1);
}

const MAX_DEPTH = 3;

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip();
  // pipeline hands errors of either side to the reader of the stream; its own promise only repeats them.
  pipeline(Readable.from(chunks, { objectMode: false }), stream).catch(() => {});
  yield* stream as AsyncIterable<Uint8Array>;
}

const DECODERS = { gzip: gunzip, zstd: unzstd, bzip2: bunzip2, xz: unxz };
