import type { RgbImage } from '@diptych/core';
import type { ImageRef } from './record.js';

/** Decoded pictures by item, up to a number of bytes; what comes later is not kept. */
export class DecodedCache {
  readonly #images = new Map<number, RgbImage>();
  readonly #maxBytes: number;
  #bytes = 0;
  #full = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of pixels that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True once a picture found no room: then decoded pictures need not be sent here any more. */
  get full(): boolean {
    return this.#full;
  }

  /** The decoded picture in the place of the reference, where it is known. */
  lookUp(item: number, image: ImageRef): ImageRef {
    const known = this.#images.get(item);
    return known ? { kind: 'pixels', image: known } : image;
  }

  /** Keeps a picture that was decoded. */
  keep(item: number, image: RgbImage): void {
    if (this.#images.has(item)) return;
    if (this.#bytes + image.data.byteLength > this.#maxBytes) {
      this.#full = true;
      return;
    }
    this.#images.set(item, image);
    this.#bytes += image.data.byteLength;
  }
}
