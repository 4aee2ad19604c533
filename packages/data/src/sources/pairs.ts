import { type ImageSource, isDiptychError, permutation, type RgbImage } from '@diptych/core';
import { checkCaptions, describe } from '../captions.js';
import { DataError, messageOf } from '../data-error.js';
import { imageAt, type PathOptions } from '../io/image-path.js';
import { type ImageRef, type Origin, type PairRecord, toImageRef } from '../record.js';
import type { PairSource, ReadContext } from '../source.js';
import { defaultLimits, type RowLimits } from './row.js';

/** A pair as code hands it over. */
export interface PairInput {
  /** Path, file URL, encoded bytes, or decoded pixels. */
  readonly image: ImageSource | RgbImage;
  /** One caption or several. */
  readonly text: string | readonly string[];
  /** Identity of the pair's positives; the image's path, else unique, where absent. */
  readonly id?: string;
}

/** Options of sources that get their pairs from code. */
export interface InMemoryOptions extends Partial<RowLimits> {
  readonly name?: string;
  /** With a root, paths start there and may not leave it; without, code is trusted. */
  readonly root?: string;
}

/**
 * Pairs in memory. Shuffled by a true permutation; ranks take every n-th of it.
 *
 * ```js
 * const source = pairs([{ image: 'cat.jpg', text: 'a cat asleep' }]);
 * ```
 */
export function pairs(items: readonly PairInput[], options: InMemoryOptions = {}): PairSource {
  const name = options.name ?? 'pairs';
  return {
    name,
    size: items.length,
    shufflesFully: true,
    async *read({ seed, epoch, shuffle, shard, reject }: ReadContext) {
      const order = shuffle ? permutation(items.length, seed, epoch, 'data/pairs') : undefined;
      for (let position = shard.index; position < items.length; position += shard.count) {
        const row = order ? order[position]! : position;
        const record = recordFrom(items[row], row, name, options, reject);
        if (record) yield record;
      }
    },
  };
}

/** One handed-in pair as a record; undefined where it was rejected. */
export function recordFrom(
  input: PairInput | undefined,
  row: number,
  name: string,
  options: InMemoryOptions,
  reject: (error: DataError) => void,
): PairRecord | undefined {
  const origin: Origin = { file: name, row };
  if (typeof input !== 'object' || input === null) {
    reject(
      new DataError('wrong-type', origin, {
        expected: 'an object { image, text }',
        got: describe(input),
        remedy: 'give one for each pair',
      }),
    );
    return undefined;
  }
  const image = imageFrom(input.image, origin, options, reject);
  if (!image) return undefined;
  const limits = { ...defaultLimits, ...options };
  const text = checkCaptions(input.text, 'text', origin, limits, reject);
  if (text === undefined) return undefined;
  const path = typeof input.image === 'string' || input.image instanceof URL ? String(input.image) : undefined;
  return { id: input.id ?? path ?? `${name}[${row}]`, item: row, image, text, origin };
}

function imageFrom(
  image: PairInput['image'],
  origin: Origin,
  { root }: PathOptions,
  reject: (error: DataError) => void,
): ImageRef | undefined {
  try {
    return typeof image === 'string' && root !== undefined ? imageAt(image, root, origin) : toImageRef(image);
  } catch (cause) {
    if (!isDiptychError(cause) || (cause.code !== 'config' && cause.code !== 'input')) throw cause;
    reject(
      cause instanceof DataError
        ? cause
        : new DataError(
            'wrong-type',
            origin,
            { problem: messageOf(cause), remedy: 'give each pair an image' },
            { cause },
          ),
    );
    return undefined;
  }
}
