import {
  type ImageTransform,
  isDiptychError,
  type RgbImage,
  type SampleContext,
  type TokenBatch,
  type TokenizeOptions,
  type Tokenizer,
} from '@diptych/core';
import { type BadReason, DataError, type DataErrorParts, messageOf } from './data-error.js';
import { loadImage } from './load-image.js';
import type { Origin } from './origin.js';
import { type ImageRef, isRgbImage } from './record.js';

/** True if the transform offers `decode`. */
export function canDecode(
  transform: ImageTransform,
): transform is ImageTransform & Required<Pick<ImageTransform, 'decode'>> {
  return transform.decode !== undefined;
}

/** True if the transform offers `intoBytes`, and says what is left to do. */
export function givesBytes(
  transform: ImageTransform,
): transform is ImageTransform & Required<Pick<ImageTransform, 'intoBytes' | 'normalization'>> {
  return transform.intoBytes !== undefined && transform.normalization !== undefined;
}

/** Pixels of some images: floats, or bytes to be normalised later. */
export type Pixels = Float32Array | Uint8Array;

/** What pixels are kept as. */
export type PixelOutput = 'float32' | 'uint8';

/** Room for pixels. */
export function makePixels(output: PixelOutput, length: number): Pixels {
  return output === 'uint8' ? new Uint8Array(length) : new Float32Array(length);
}

/** Pixels of one picture, channels included. */
export function rowSizeOf({ outputShape }: ImageTransform): number {
  return outputShape.reduce((product, size) => product * size, 1);
}

/** The rows of one batch, as plain data that a worker thread takes. */
export interface DecodeTask {
  readonly rows: readonly {
    readonly image: ImageRef;
    readonly text: string;
    readonly origin: Origin;
    readonly context: SampleContext;
  }[];
  /** Also gives back the pictures that were decoded (transforms with `decode` only). */
  readonly keepDecoded: boolean;
}

/** Why one row could not be decoded or tokenized. */
export interface RowFailure {
  readonly row: number;
  readonly reason: BadReason;
  readonly parts: DataErrorParts;
}

/** A decoded batch. Rows named in `failures` hold no picture. */
export interface DecodeResult {
  /** [rows, height, width, channels]. */
  readonly pixels: Pixels;
  /** Absent where a row failed: the batch will be another. */
  readonly tokens?: TokenBatch;
  readonly failures: readonly RowFailure[];
  readonly decoded?: readonly (RgbImage | undefined)[];
}

/** What a batch is decoded with; the same in the main thread and in workers. */
export interface DecodeParts {
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  readonly tokenize: TokenizeOptions;
  /** `uint8` needs a transform with `intoBytes`. */
  readonly output: PixelOutput;
  readonly maxImageBytes: number;
}

/**
 * Decodes, transforms and tokenizes a batch. Bad rows are listed, not thrown; errors that are not about input (a
 * transform's wrong options) are thrown.
 *
 * @param pixels memory for the pictures, overwritten; new by default
 */
export async function decodeRows(
  { rows, keepDecoded }: DecodeTask,
  parts: DecodeParts,
  pixels = makePixels(parts.output, rows.length * rowSizeOf(parts.transform)),
): Promise<DecodeResult> {
  const { transform, tokenizer, tokenize, maxImageBytes } = parts;
  const rowSize = rowSizeOf(transform);
  const failures: RowFailure[] = [];
  const decoded = keepDecoded && canDecode(transform) ? new Array<RgbImage | undefined>(rows.length) : undefined;

  const decodeRow = async (row: number) => {
    const { image, origin, context } = rows[row]!;
    try {
      let loaded = await loadImage(image, origin, maxImageBytes);
      if (decoded && canDecode(transform) && loaded instanceof Uint8Array) {
        loaded = await transform.decode(loaded);
        decoded[row] = loaded;
      }
      const picture = unshared(loaded);
      if (pixels instanceof Float32Array) await transform.into(picture, pixels, row * rowSize, context);
      else if (givesBytes(transform)) await transform.intoBytes(picture, pixels, row * rowSize, context);
    } catch (error) {
      failures.push({ row, ...imageFailure(error) });
    }
  };
  let next = 0;
  const lane = async () => {
    while (next < rows.length) await decodeRow(next++);
  };
  await Promise.all(Array.from({ length: Math.min(LANES, rows.length) }, lane));

  const tokens = tokenizeRows(
    rows.map(({ text }) => text),
    tokenizer,
    tokenize,
    failures,
  );
  failures.sort((a, b) => a.row - b.row);
  return { pixels, failures, ...(failures.length === 0 && { tokens }), ...(decoded && { decoded }) };
}

/** Decoders work in libuv's threads: a few images under way keep them and this thread busy. */
const LANES = 4;

function imageFailure(error: unknown): Pick<RowFailure, 'reason' | 'parts'> {
  if (error instanceof DataError) return { reason: error.reason, parts: error.parts };
  if (isDiptychError(error) && error.code !== 'input') throw error;
  return {
    reason: 'undecodable-image',
    parts: {
      expected: 'an image that decodes',
      got: messageOf(error),
      remedy: 'open it in a viewer, then encode it again or remove the pair',
    },
  };
}

function tokenizeRows(
  texts: readonly string[],
  tokenizer: Tokenizer,
  options: TokenizeOptions,
  failures: RowFailure[],
): TokenBatch | undefined {
  try {
    return tokenizer.encode(texts, options);
  } catch (batchError) {
    let found = false;
    for (const [row, text] of texts.entries()) {
      try {
        tokenizer.encode([text], options);
      } catch (error) {
        if (isDiptychError(error) && error.code !== 'input') throw error;
        found = true;
        if (failures.some((failure) => failure.row === row)) continue;
        failures.push({
          row,
          reason: 'untokenizable-caption',
          parts: {
            expected: 'a caption that the tokenizer takes',
            got: messageOf(error),
            remedy: 'repair the caption',
          },
        });
      }
    }
    // Fine one by one but not together: that is the tokenizer's fault, not the input's.
    if (!found) throw batchError;
    return undefined;
  }
}

/** Decoders and WASM memories do not all take shared memory; cached pictures live there. */
function unshared(image: Uint8Array | RgbImage): Uint8Array | RgbImage {
  if (!isRgbImage(image) || image.data.buffer instanceof ArrayBuffer) return image;
  return { ...image, data: new Uint8Array(image.data) };
}
