import type { RgbImage } from '@diptych/core';
import type { DecodeSource } from './bytes-of-source.js';
import { decodeBytes } from './decode.js';
import { type CheckedDecodeOptions, checkDecodeOptions, type DecodeOptions } from './decode-options.js';
import { readImage } from './encoded-image.js';

/** Decodes pictures for a pipeline, in a browser. */
export class ImageDecoder {
  readonly #options: CheckedDecodeOptions;

  /** @throws ConfigError for options out of range */
  constructor(options: DecodeOptions = {}) {
    this.#options = checkDecodeOptions(options);
  }

  /** @throws InputError as `decodeImage` */
  async withDecoded<T>(source: DecodeSource, use: (picture: RgbImage) => T): Promise<T> {
    return use(await decodeBytes(await readImage(source, this.#options.maxBytes), this.#options));
  }
}
