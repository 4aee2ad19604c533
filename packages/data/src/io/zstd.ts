import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';

/**
 * Decompresses a zstd stream: by Node's own zlib where it has it (22.15 and later), else by fzstd in JavaScript.
 *
 * @throws Error where the stream is damaged or cut short
 */
export function unzstd(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const create = (zlib as { createZstdDecompress?: () => Duplex }).createZstdDecompress;
  return create ? piped(chunks, create()) : portableUnzstd(chunks);
}

async function* piped(chunks: AsyncIterable<Uint8Array>, stream: Duplex): AsyncGenerator<Uint8Array> {
  // The stream hands errors of either side to its reader; the pipeline's own promise only repeats them.
  pipeline(Readable.from(chunks, { objectMode: false }), stream).catch(() => {});
  yield* stream as AsyncIterable<Uint8Array>;
}

/** The same by fzstd, fed with little at a time: a few bytes can hold megabytes. */
export async function* portableUnzstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  const stream = new Decompress((chunk) => out.push(chunk));
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.byteLength; start += PIECE) {
      stream.push(chunk.subarray(start, start + PIECE));
      yield* out;
      out = [];
    }
  }
  stream.push(new Uint8Array(0), true);
  yield* out;
}

const PIECE = 2048;
