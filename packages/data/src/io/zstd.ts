import { Decompress } from 'fzstd';

/**
 * Decompresses a zstd stream by fzstd, fed with little at a time: a few bytes can hold megabytes. Node's own zlib has
 * zstd from 22.15 on only, and takes a stream that is cut short for a whole one before 24.
 *
 * @throws Error where the stream is damaged or cut short, or asks for a window of more than 128 MiB
 */
export async function* unzstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  const stream = new Decompress((chunk) => out.push(chunk));
  let head = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (head.length < HEADER_BYTES) {
      head = Uint8Array.of(...head, ...chunk.subarray(0, HEADER_BYTES - head.length));
      checkWindow(head);
    }
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

/** Magic number, descriptor, window descriptor, dictionary id, content size (RFC 8878, 3.1.1.1). */
const HEADER_BYTES = 18;

/**
 * Refuses a stream that asks for a window of more than 128 MiB, as zstd itself does: the decoder would allocate it.
 *
 * @throws Error
 */
function checkWindow(head: Uint8Array): void {
  if (head.length < HEADER_BYTES) return;
  const descriptor = head[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  let window: number;
  if (isSingleSegment) {
    const idBytes = [0, 1, 2, 4][descriptor & 3]!;
    const sizeBytes = [1, 2, 4, 8][descriptor >> 6]!;
    window = sizeBytes === 2 ? 256 : 0;
    for (let i = 0; i < sizeBytes; i++) window += head[5 + idBytes + i]! * 2 ** (8 * i);
  } else {
    const base = 2 ** (10 + (head[5]! >> 3));
    window = base + (base / 8) * (head[5]! & 7);
  }
  if (window > MAX_WINDOW) throw new Error(`a window of ${window} bytes, more than ${MAX_WINDOW}`);
}

const MAX_WINDOW = 128 * 2 ** 20;
