import { checkFields } from './config-checks.js';
import { ShapeError } from './errors.js';
import type { LabelNumbers } from './head.js';
import { formatShape } from './shapes.js';

/** Pixels of a batch on the host, channels last: float32 as a network wants them, or uint8 to be normalised on the device. */
export interface PixelBatch<Shape extends readonly number[] = readonly number[]> {
  readonly data: Float32Array | Uint8Array;
  /** [B, height, width, channels]; {@link pixelShape} makes sure. */
  readonly shape: Shape;
  /** With uint8 data: what the device still has to do, `(x / 255 - mean) / std` per channel. */
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** Token ids of a batch on the host. All arrays are [B, length], row by row. */
export interface TokenBatch<Shape extends readonly number[] = readonly number[]> {
  /** [B, length]; {@link tokenShape} makes sure. */
  readonly shape: Shape;
  readonly inputIds: Int32Array;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: Int32Array;
  readonly tokenTypeIds?: Int32Array;
  /** Vectors that a frozen text tower gave before, float32 [B, features.length / B], for a head that trains on them. */
  readonly features?: Float32Array;
}

/** A batch of pairs on the host, as a data loader gives it: row i of every part belongs to pair i. */
export interface PairBatch {
  readonly size: number;
  readonly pixels: PixelBatch;
  readonly tokens: TokenBatch;
  /** Identity of each pair's positives: pairs with equal ids match each other. Unique where nothing else is known. */
  readonly ids: readonly string[];
  /**
   * What is known of each pair beside its text, by column: [B] with one number a pair, or [B, C] row by row. A class number below 0
   * and a NaN say that a pair has no such label.
   */
  readonly labels?: { readonly [name: string]: LabelNumbers };
  /** Pictures and texts that stand against the pairs without being pairs, for losses that contrast. */
  readonly negatives?: NegativeBatch;
}

/**
 * Hard negatives of a batch, pictures, texts or both, as many as one likes. A row's id says what it is of: it does not stand against pairs
 * with that id.
 */
export interface NegativeBatch {
  readonly image?: { readonly pixels: PixelBatch; readonly ids: readonly string[] };
  readonly text?: { readonly tokens: TokenBatch; readonly ids: readonly string[] };
}

/**
 * The shape of pixels, with the number of its axes.
 *
 * @param where the place that an error names
 * @throws ShapeError unless it is [B, height, width, channels] and there are as many numbers
 */
export function pixelShape(pixels: PixelBatch, where = 'pixels'): [number, number, number, number] {
  checkFields(where, 'pixels', pixels, []);
  const { shape, data } = pixels;
  checkEntries(where, 'pixels', shape, ['B', 'height', 'width', 'channels'], { data });
  return [...shape] as [number, number, number, number];
}

/**
 * The shape of token ids, with the number of its axes.
 *
 * @param where the place that an error names
 * @throws ShapeError unless it is [B, length] and every array has as many entries
 */
export function tokenShape(tokens: TokenBatch, where = 'tokens'): [number, number] {
  checkFields(where, 'tokens', tokens, []);
  const { shape, inputIds, attentionMask, tokenTypeIds } = tokens;
  checkEntries(where, 'tokens', shape, ['B', 'length'], { inputIds, attentionMask, tokenTypeIds });
  return [...shape] as [number, number];
}

function checkEntries(
  where: string,
  what: string,
  shape: readonly number[],
  axes: readonly string[],
  arrays: Readonly<Record<string, { readonly length: number } | undefined>>,
): void {
  if (!Array.isArray(shape) || shape.length !== axes.length) {
    const got = Array.isArray(shape) ? formatShape(shape) : String(shape);
    throw new ShapeError({ where, expected: `${what}.shape to be [${axes.join(', ')}]`, got });
  }
  const entries = shape.reduce((product, size) => product * size, 1);
  for (const [name, array] of Object.entries(arrays)) {
    if (array === undefined || array.length === entries) continue;
    throw new ShapeError({
      where,
      expected: `${entries} entries in ${what}.${name}, for shape ${formatShape(shape)}`,
      got: String(array.length),
    });
  }
}
