import { ConfigError, checkOptions, MAX_ENCODED_BYTES, type OptionNames } from '@diptych/core';
import { type Color, rgbOf } from './color.js';

/** How encoded images are read. JSON, so that a transform's description can hold it. */
export interface DecodeOptions {
  /** Apply the EXIF orientation. Off by default, as in PIL and torchvision. */
  readonly orient?: boolean;
  /** Composite transparent pictures onto this colour. By default alpha is dropped and hidden colours stay, as in PIL's `convert('RGB')`. */
  readonly onto?: Color;
  /** Most pixels (width x height) that are decoded. Default 89,478,485, where PIL begins to warn of bombs. */
  readonly maxPixels?: number;
  /** Most encoded bytes that are read. Default 256 MiB. */
  readonly maxBytes?: number;
}

const OPTIONS: OptionNames<DecodeOptions> = {
  orient: 'optional',
  onto: 'optional',
  maxPixels: 'optional',
  maxBytes: 'optional',
};

const MAX_PIXELS = 89_478_485;

/** The options with their defaults. */
export interface CheckedDecodeOptions {
  readonly orient: boolean;
  readonly onto: readonly [number, number, number] | undefined;
  readonly maxPixels: number;
  readonly maxBytes: number;
}

/**
 * Fills in the defaults.
 *
 * @throws ConfigError for options out of range or unknown
 */
export function checkDecodeOptions(options: DecodeOptions): CheckedDecodeOptions {
  const where = 'preprocess.decodeImage';
  checkOptions(where, options, OPTIONS);
  const { orient = false, onto, maxPixels = MAX_PIXELS, maxBytes = MAX_ENCODED_BYTES } = options;
  for (const [key, value] of Object.entries({ maxPixels, maxBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ConfigError({ where, expected: `${key} to be a positive integer`, got: String(value) });
    }
  }
  return { orient, onto: onto === undefined ? undefined : rgbOf(onto, where), maxPixels, maxBytes };
}
