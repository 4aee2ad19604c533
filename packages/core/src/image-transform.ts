import type { PartDescription } from './description.js';
import type { SampleContext } from './random.js';

/** Most bytes of an encoded picture that are read where nothing else is said: 256 MiB. */
export const MAX_ENCODED_BYTES = 256 * 2 ** 20;

/** Where an encoded image comes from. */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer;

/** A decoded picture: interleaved 8-bit RGB, row by row. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Turns one encoded or decoded image into the numbers that an image encoder wants.
 *
 * `outputShape` is fixed, so a batch buffer can be laid out before any image is read.
 */
export interface ImageTransform {
  /** [height, width, channels]. */
  readonly outputShape: readonly [number, number, number];
  /**
   * Decodes (where needed), transforms, and writes height * width * channels floats, channels last, into
   * `target` at `offset`.
   *
   * @throws InputError if the image cannot be decoded
   */
  into(image: ImageSource | RgbImage, target: Float32Array, offset: number, context: SampleContext): Promise<void>;
  /**
   * Decodes and stops there, so that decoded pictures can be kept. A transform need not offer it.
   *
   * @throws InputError if the image cannot be decoded
   */
  decode?(image: ImageSource): Promise<RgbImage>;
  /** With `intoBytes`: what is left to do with its bytes, `(x / 255 - mean) / std` per channel. */
  readonly normalization?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /**
   * As `into`, but keeps bytes and leaves the normalisation to the device. A transform need not offer it.
   *
   * @throws InputError if the image cannot be decoded
   */
  intoBytes?(image: ImageSource | RgbImage, target: Uint8Array, offset: number, context: SampleContext): Promise<void>;
  /** How to build the same transform elsewhere: in a worker, or from a checkpoint. */
  describe(): PartDescription;
}
