import type { RgbImage } from '@diptych/core';
import type { ImageRef } from './record.js';

/** Decoded pictures by item, up to a number of bytes; what comes later is not kept. */
export class DecodedCache {
  readonly #images = new Map<number, RgbImage>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of pixels that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The decoded picture in the place of the reference, where it is known. */
  lookUp(item: number, image: ImageRef): ImageRef {
    const known = this.#images.get(item);
    return known ? { kind: 'pixels', image: known } : image;
  }

  /** Keeps a picture that was decoded. */
  keep(item: number, image: RgbImage): void {
    if (this.#images.has(item) || this.#bytes + image.data.byteLength > this.#maxBytes) return;
    this.#images.set(item, image);
    this.#bytes += image.data.byteLength;
  }
}
