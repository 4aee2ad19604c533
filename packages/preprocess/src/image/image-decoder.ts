import { availableParallelism } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type { RgbImage } from '@diptych/core';
import type { DecodeSource } from './bytes-of-source.js';
import { decodeBytes } from './decode.js';
import { type CheckedDecodeOptions, checkDecodeOptions, type DecodeOptions } from './decode-options.js';
import { type EncodedImage, readImage } from './encoded-image.js';
import { JpegDecoder } from './jpeg-decoder.js';
import { decodePlainPng } from './png-decoder.js';

/** Most pixels of a PNG that takes this thread no longer than to hand it over to another one. */
const SMALL_PIXELS = 2 ** 12;

/**
 * Decodes one picture after the other as `decodeImage` does, to the same bytes, and faster: plain JPEG and PNG files are
 * decoded in place, without a hand-over to sharp's threads. Several pictures under way at once in the main thread still
 * go to those threads where there are cores for them, but for the smallest PNG files.
 */
export class ImageDecoder {
  readonly #options: CheckedDecodeOptions;
  readonly #jpeg = new JpegDecoder();
  /** Threads beside this one pay: worker threads have a core each, and on two cores the hand-over costs more than it gives. */
  readonly #hasThreads = isMainThread && availableParallelism() >= 4;
  #underWay = 0;

  /** @throws ConfigError for options out of range */
  constructor(options: DecodeOptions = {}) {
    this.#options = checkDecodeOptions(options);
  }

  /**
   * Decodes a picture for `use`, which only borrows it: its bytes may be overwritten as soon as `use` returns.
   *
   * @throws InputError if the source cannot be read, is no image, is damaged or cut short, or is beyond the limits
   */
  async withDecoded<T>(source: DecodeSource, use: (picture: RgbImage) => T): Promise<T> {
    this.#underWay++;
    try {
      const image = await readImage(source, this.#options.maxBytes);
      const isAlone = this.#underWay === 1 || !this.#hasThreads;
      const borrowed = this.#decodeHere(image, isAlone);
      return use(borrowed ?? (await decodeBytes(image, this.#options)));
    } finally {
      this.#underWay--;
    }
  }

  /** The picture, if it is of a plain kind, and small where others are under way. */
  #decodeHere({ bytes, format }: EncodedImage, isAlone: boolean): RgbImage | undefined {
    const { orient, onto, maxPixels } = this.#options;
    if (orient) return undefined;
    if (format === 'png') return decodePlainPng(bytes, isAlone ? maxPixels : Math.min(maxPixels, SMALL_PIXELS), onto);
    return format === 'jpeg' && isAlone ? this.#jpeg.decode(bytes, maxPixels) : undefined;
  }
}
