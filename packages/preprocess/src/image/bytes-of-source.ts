import { type ImageSource, InputError } from '@diptych/core';
import { joinBytes } from '../bytes.js';

/**
 * Anything that encoded image bytes can be read from: a path, a `file:` URL (in browsers: any URL), bytes, a stream of them,
 * or a file of a browser.
 */
export type DecodeSource = ImageSource | Blob | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Encoded bytes and the name that errors give them. */
export interface NamedBytes {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/**
 * The bytes of what is in memory or comes as a stream, but never more than `maxBytes`.
 *
 * @throws InputError for what is nothing of the kind, a stream that breaks off, or a source beyond `maxBytes`
 */
export async function readInMemory(source: Exclude<DecodeSource, string | URL>, maxBytes: number): Promise<NamedBytes> {
  if (source instanceof Uint8Array) return { bytes: checkSize(source, maxBytes), name: nameBytes(source) };
  if (source instanceof ArrayBuffer) {
    const bytes = new Uint8Array(source);
    return { bytes: checkSize(bytes, maxBytes), name: nameBytes(bytes) };
  }
  if (source instanceof Blob) {
    const name = source instanceof File ? source.name : `image of ${source.size} bytes`;
    if (source.size > maxBytes) throw tooLarge(name, `${source.size} bytes`, maxBytes);
    return { bytes: new Uint8Array(await source.arrayBuffer()), name };
  }
  if (isAsyncIterable(source)) return readStream(source, maxBytes);
  if (source instanceof ReadableStream) return readStream(chunksOf(source), maxBytes);
  throw new InputError({
    where: 'preprocess.decodeImage',
    expected: 'a path, file URL, Uint8Array, ArrayBuffer, Blob, or stream of bytes',
    got: source === null ? 'null' : typeof source,
  });
}

async function readStream(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<NamedBytes> {
  const name = 'image from a stream';
  try {
    return { bytes: await collect(stream, maxBytes, name), name };
  } catch (error) {
    if (error instanceof InputError) throw error;
    const problem = `the stream broke off: ${error instanceof Error ? error.message : String(error)}`;
    throw new InputError({ where: name, problem }, { cause: error });
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes: number, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) {
      throw new InputError({ where: name, expected: 'chunks of bytes', got: `a chunk of type ${typeof chunk}` });
    }
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(name, `more than ${maxBytes} bytes`, maxBytes);
    parts.push(chunk);
  }
  return parts.length === 1 ? parts[0]! : joinBytes(parts);
}

function checkSize(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw tooLarge(nameBytes(bytes), `${bytes.length} bytes`, maxBytes);
  return bytes;
}

/** The error of a source that is larger than allowed. */
export function tooLarge(where: string, got: string, maxBytes: number): InputError {
  return new InputError({
    where,
    expected: `an encoded image of at most ${maxBytes} bytes`,
    got,
    remedy: 'raise maxBytes if the file is trusted',
  });
}

function nameBytes(bytes: Uint8Array): string {
  return `image of ${bytes.length} bytes`;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Not every browser iterates over its streams. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } finally {
    await reader.cancel().catch(() => {});
  }
}
