import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import {
  ConfigError,
  checkOptions,
  type ImageSource,
  isDiptychError,
  type OptionNames,
  permutation,
  type RgbImage,
} from '@diptych/core';
import { checkCaptions, describe } from '../captions.js';
import { DataError, messageOf } from '../data-error.js';
import { idFromValue, ROUNDED } from '../identity.js';
import { pathBelow } from '../io/address.js';
import { imageAt, type PathOptions } from '../io/image-path.js';
import { type LabelColumns, labelKinds, readLabels } from '../labels.js';
import type { Origin } from '../origin.js';
import { type ImageRef, type PairRecord, toImageRef } from '../record.js';
import type { PairSource, ReadContext } from '../source.js';
import { defaultLimits, notAPair, type RowLimits, valueAt } from './row.js';

/** A pair as code hands it over. */
export interface PairInput {
  /** Path, file URL, encoded bytes, or decoded pixels. */
  readonly image: ImageSource | RgbImage;
  /** One caption or several. */
  readonly text: string | readonly string[];
  /** Identity of the pair's positives; the image's path, else unique, where absent. A number of up to 2^53. */
  readonly id?: string | number | bigint;
  /** Labels of the pair, for those that the source's `labels` name. */
  readonly labels?: Readonly<Record<string, unknown>>;
}

/** Options of sources that get their pairs from code. */
export interface InMemoryOptions extends Partial<RowLimits> {
  readonly name?: string;
  /** With a root, paths start there and may not leave it; without, code is trusted. */
  readonly root?: string;
  /** Labels that pairs carry under `labels`. */
  readonly labels?: LabelColumns;
}

const OPTIONS: OptionNames<InMemoryOptions> = {
  name: 'optional',
  root: 'optional',
  labels: 'optional',
  maxCaptionLength: 'optional',
};

/**
 * Pairs in memory. Shuffled by a true permutation; ranks take every n-th of it.
 *
 * ```js
 * const source = pairs([{ image: 'cat.jpg', text: 'a cat asleep' }]);
 * ```
 *
 * @throws ConfigError for something that is no list, an unknown option, or a kind of label that there is not
 */
export function pairs(items: readonly PairInput[], options: InMemoryOptions = {}): PairSource {
  checkOptions('data.pairs', options, OPTIONS);
  if (!Array.isArray(items)) {
    throw new ConfigError({
      where: 'data.pairs',
      expected: 'a list of { image, text }',
      got: describe(items),
      remedy: 'for pairs that come one after the other take iterable(() => …)',
    });
  }
  const name = options.name ?? 'pairs';
  const labels = labelKinds('data.pairs', options.labels);
  return {
    name,
    size: items.length,
    shufflesFully: true,
    ...(labels && { labels }),
    async fingerprint() {
      const hash = createHash('sha256').update('pairs');
      for (const { image, text, id } of items as readonly PairInput[]) {
        hash.update(`\n${JSON.stringify([text, id === undefined ? null : String(id)])} `);
        if (typeof image === 'string' || image instanceof URL) hash.update(String(image));
        else hash.update(sampleOf('data' in image ? image.data : new Uint8Array(image)));
      }
      return hash.digest('hex');
    },
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
    reject(notAPair(input, origin, 'give one for each pair'));
    return undefined;
  }
  const image = imageFrom(input.image, origin, options, reject);
  if (!image) return undefined;
  const limits = { ...defaultLimits, ...options };
  const text = checkCaptions(input.text, 'text', origin, limits, reject);
  if (text === undefined) return undefined;
  try {
    const id = idFromValue(input.id);
    if (id === ROUNDED) {
      throw new DataError('wrong-type', origin, {
        expected: 'an id with all its digits',
        got: 'a number beyond 2^53, which others round to as well',
        remedy: 'give it as text or as a bigint',
      });
    }
    const values = input.labels ?? {};
    const labels = options.labels && readLabels(options.labels, (field) => valueAt(values, field), origin);
    // From where paths start: './a.jpg', 'a.jpg' and the whole path are one picture.
    const path = image.kind === 'file' ? pathBelow(resolve(options.root ?? '.'), resolve(image.path)) : undefined;
    return { id: id ?? path ?? `${name}[${row}]`, item: row, image, text, origin, ...(labels && { labels }) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    reject(error);
    return undefined;
  }
}

/** Some bytes of a picture in memory: its length, start, middle and end. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  const middle = bytes.length >> 1;
  const parts = [bytes.subarray(0, 512), bytes.subarray(middle, middle + 512), bytes.subarray(-512)];
  return Buffer.concat([Buffer.from(String(bytes.length)), ...parts]);
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
