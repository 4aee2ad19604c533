import { fileURLToPath } from 'node:url';
import { type ImageSource, InputError } from '@diptych/core';
import { readBounded, UnreadableFile } from '@diptych/core/node';

/** Anything that encoded image bytes can be read from: a path, a `file:` URL, bytes, or a stream of bytes. */
export type DecodeSource = ImageSource | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Encoded bytes and the name that errors give them. */
export interface NamedBytes {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/**
 * Reads a source to its end, but never more than `maxBytes`.
 *
 * @throws InputError for a missing or unreadable file, a directory, a remote address, or a source beyond `maxBytes`
 */
export async function readSource(source: DecodeSource, maxBytes: number): Promise<NamedBytes> {
  if (typeof source === 'string' || source instanceof URL) {
    const name = toPath(source);
    return { bytes: await readFile(name, maxBytes), name };
  }
  if (source instanceof Uint8Array) return { bytes: checkSize(source, maxBytes), name: nameBytes(source) };
  if (source instanceof ArrayBuffer) {
    const bytes = new Uint8Array(source);
    return { bytes: checkSize(bytes, maxBytes), name: nameBytes(bytes) };
  }
  if (isAsyncIterable(source)) return readStream(source, maxBytes);
  throw new InputError({
    where: 'preprocess.decodeImage',
    expected: 'a path, file URL, Uint8Array, ArrayBuffer, or stream of bytes',
    got: source === null ? 'null' : typeof source,
  });
}

function toPath(source: string | URL): string {
  const text = String(source);
  if (text.startsWith('file:')) return fileURLToPath(text);
  if (source instanceof URL || /^(https?|data|blob|ftp|s3|gs):/i.test(text)) {
    throw new InputError({
      where: text.length > 120 ? `${text.slice(0, 120)}…` : text,
      expected: 'a local path or a file: URL',
      remedy: 'fetch it first and pass the bytes',
    });
  }
  return text;
}

async function readFile(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readBounded(path, maxBytes);
  } catch (failure) {
    if (!(failure instanceof UnreadableFile)) throw failure;
    throw unreadable(path, failure, maxBytes);
  }
}

function unreadable(where: string, failure: UnreadableFile, maxBytes: number): InputError {
  const { reason, message, size, cause } = failure;
  switch (reason) {
    case 'too-large':
      return tooLarge(where, `${size} bytes`, maxBytes);
    case 'folder':
    case 'device':
      return new InputError({
        where,
        expected: 'an image file',
        got: reason === 'folder' ? 'a directory' : 'a device or pipe',
      });
    case 'missing':
      return new InputError({ where, problem: 'no such file' }, { cause });
    case 'denied':
      return new InputError({ where, problem: 'no permission to read it' }, { cause });
    default:
      return new InputError({ where, problem: message }, { cause });
  }
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
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
}

function checkSize(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw tooLarge(nameBytes(bytes), `${bytes.length} bytes`, maxBytes);
  return bytes;
}

function tooLarge(where: string, got: string, maxBytes: number): InputError {
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
