import { checkFields, MAX_ENCODED_BYTES, type RgbImage } from '@diptych/core';
import { type FilePart, readBounded, UnreadableFile } from '@diptych/core/node';
import { DataError } from './data-error.js';
import { fileError } from './io/open.js';
import { checkRealPath } from './io/real-path.js';
import type { Origin } from './origin.js';
import type { ImageRef } from './record.js';

/** Largest encoded image that is read into memory, in bytes: 256 MiB, as `decodeImage` takes. */
export const defaultMaxImageBytes = MAX_ENCODED_BYTES;

/**
 * The encoded bytes (or the pixels) that a reference stands for.
 *
 * @throws DataError `missing-file`, `unreadable-file`, `outside-root` (a link that leaves the root), `empty-image` or
 *   `image-too-large`
 */
export async function loadImage(ref: ImageRef, origin: Origin, maxBytes: number): Promise<Uint8Array | RgbImage> {
  checkFields('data.loadImage', 'where an image is', ref, ['kind']);
  switch (ref.kind) {
    case 'pixels':
      return ref.image;
    case 'bytes':
      checkSize(ref.bytes.byteLength, origin, maxBytes);
      return ref.bytes;
    case 'slice':
      return readFile(ref.path, origin, maxBytes, ref);
    case 'file':
      if (ref.root !== undefined) await checkLinks(ref.path, ref.root, origin);
      return readFile(ref.path, origin, maxBytes);
  }
}

async function checkLinks(path: string, root: string, origin: Origin): Promise<void> {
  try {
    await checkRealPath(path, root, origin);
  } catch (cause) {
    throw cause instanceof DataError ? cause : fileError(path, cause, origin);
  }
}

async function readFile(path: string, origin: Origin, maxBytes: number, part?: FilePart): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(path, maxBytes, part);
  } catch (failure) {
    if (!(failure instanceof UnreadableFile)) throw failure;
    const { reason, size, cause = failure } = failure;
    if (reason === 'too-large') throw tooLarge(size!, origin, maxBytes);
    throw fileError(path, cause, origin);
  }
  checkSize(bytes.length, origin, maxBytes);
  return bytes;
}

function checkSize(size: number, origin: Origin, maxBytes: number): void {
  if (size === 0) {
    throw new DataError('empty-image', origin, {
      expected: 'an encoded image',
      got: 'no bytes',
      remedy: 'fetch it again or remove the pair',
    });
  }
  if (size > maxBytes) throw tooLarge(size, origin, maxBytes);
}

function tooLarge(size: number, origin: Origin, maxBytes: number): DataError {
  return new DataError('image-too-large', origin, {
    expected: `an image file of at most ${maxBytes} bytes`,
    got: `${size} bytes`,
    remedy: 'shrink it or raise maxImageBytes',
  });
}
