import { InputError } from '@diptych/core';
import type { DecodeSource, NamedBytes } from './bytes-of-source.js';
import { readSource } from './read-source.js';
import { type ImageFormat, sniff } from './sniff.js';

/** Encoded bytes of a known format. */
export interface EncodedImage extends NamedBytes {
  readonly format: ImageFormat;
}

/**
 * Reads a source to its end and recognises its format.
 *
 * @throws InputError if it cannot be read, is larger than `maxBytes`, or is no image
 */
export async function readImage(source: DecodeSource, maxBytes: number): Promise<EncodedImage> {
  const { bytes, name } = await readSource(source, maxBytes);
  const found = sniff(bytes);
  if ('format' in found) return { bytes, name, format: found.format };
  throw new InputError({
    where: name,
    expected: 'a JPEG, PNG, WebP, GIF, TIFF or AVIF image',
    got: found.instead,
    remedy: 'check where the file came from, or convert it',
  });
}
