import { fileURLToPath } from 'node:url';
import { InputError } from '@diptych/core';
import { readBounded, UnreadableFile } from '@diptych/core/node';
import { type DecodeSource, type NamedBytes, readInMemory, tooLarge } from './bytes-of-source.js';

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
  return readInMemory(source, maxBytes);
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
