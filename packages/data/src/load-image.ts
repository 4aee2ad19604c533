import { open, stat } from 'node:fs/promises';
import type { RgbImage } from '@diptych/core';
import { DataError } from './data-error.js';
import { fileError } from './io/open.js';
import { checkRealPath } from './io/real-path.js';
import type { Origin } from './origin.js';
import type { ImageRef } from './record.js';

/** Largest encoded image that is read into memory, in bytes: 64 MiB. */
export const defaultMaxImageBytes = 64 * 2 ** 20;

/**
 * The encoded bytes (or the pixels) that a reference stands for.
 *
 * @throws DataError `missing-file`, `unreadable-file`, `outside-root` (a link that leaves the root), `empty-image` or
 *   `image-too-large`
 */
export async function loadImage(ref: ImageRef, origin: Origin, maxBytes: number): Promise<Uint8Array | RgbImage> {
  switch (ref.kind) {
    case 'pixels':
      return ref.image;
    case 'bytes':
      checkSize(ref.bytes.byteLength, origin, maxBytes);
      return ref.bytes;
    case 'slice':
      checkSize(ref.length, origin, maxBytes);
      return readRange(ref.path, ref.offset, ref.length, origin);
    case 'file': {
      const size = await checkFile(ref.path, ref.root, origin);
      checkSize(size, origin, maxBytes);
      return readRange(ref.path, 0, size, origin);
    }
  }
}

async function checkFile(path: string, root: string | undefined, origin: Origin): Promise<number> {
  try {
    if (root !== undefined) await checkRealPath(path, root, origin);
    const status = await stat(path);
    if (!status.isFile()) throw new Error('it is not a regular file');
    return status.size;
  } catch (cause) {
    throw cause instanceof DataError ? cause : fileError(path, cause, origin);
  }
}

async function readRange(path: string, offset: number, length: number, origin: Origin): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw new Error(`it ends at byte ${offset + filled}, before the image does`);
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError(path, cause, origin);
  }
}

function checkSize(size: number, origin: Origin, maxBytes: number): void {
  if (size === 0) {
    throw new DataError('empty-image', origin, {
      expected: 'an encoded image',
      got: 'no bytes',
      remedy: 'fetch it again or remove the pair',
    });
  }
  if (size > maxBytes) {
    throw new DataError('image-too-large', origin, {
      expected: `an image file of at most ${maxBytes} bytes`,
      got: `${size} bytes`,
      remedy: 'shrink it or raise maxImageBytes',
    });
  }
}
