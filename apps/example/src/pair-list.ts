import { existsSync } from 'node:fs';
import { isDiptychError, TrainingError } from '@diptych/core';
import {
  DataError,
  defaultMaxImageBytes,
  pairs as inMemory,
  jsonl,
  loadImage,
  type Origin,
  type PairRecord,
  type PairSource,
  plainRead,
} from '@diptych/data';
import type { ImagePipeline } from '@diptych/preprocess/image';
import { trainingCaptions } from './captions.js';
import { emojiPairs, type Pair } from './emoji.js';

/** Pictures that are decoded at once while they are looked through. */
const DECODED_AT_ONCE = 8;

/** A source of pairs in memory, for a loader that draws one of the captions for each epoch. */
export function sourceOf(pairs: readonly Pair[]): PairSource {
  return inMemory(pairs.map((pair) => ({ id: pair.id, image: pair.image, text: trainingCaptions(pair) })));
}

/** The emoji pictures and their names. */
export { emojiPairs };

/**
 * A user's own pairs from a JSONL file: `{"image": "path", "text": "…"}` a line, paths relative to the file. Every picture
 * is decoded once, so that what cannot be used is known before training begins.
 *
 * @param reject takes lines and pictures that cannot be used
 */
export async function jsonlPairs(
  file: string,
  transform: ImagePipeline,
  reject: (error: DataError) => void,
): Promise<Pair[]> {
  if (!existsSync(file)) {
    throw new TrainingError({ where: '--data', expected: 'a JSONL file of pairs', got: `no file ${file}` });
  }
  const pairs: Pair[] = [];
  let waiting: Promise<Pair[]>[] = [];
  const settle = async () => {
    pairs.push(...(await Promise.all(waiting)).flat());
    waiting = [];
  };
  for await (const record of jsonl(file).read(plainRead(reject))) {
    waiting.push(usablePairs(record, transform, reject));
    if (waiting.length >= DECODED_AT_ONCE) await settle();
  }
  await settle();
  return pairs;
}

/** Below this many pairs, what is learned is mostly these pairs by heart. */
const FEW_PAIRS = 50;

/**
 * The batch follows the data: the recipe's size, or all pairs where there are fewer.
 *
 * @param warn told what to expect of very few pairs
 * @throws TrainingError where no loss could work: fewer than two pairs to train on or to hold out
 */
export function batchSizeFor(
  train: readonly Pair[],
  heldOut: readonly Pair[],
  {
    largest,
    where,
    warn,
  }: { readonly largest: number; readonly where: string; readonly warn: (message: string) => void },
): number {
  if (train.length < 2 || heldOut.length < 2) {
    throw new TrainingError({
      where,
      expected: 'at least 2 pairs to train on and 2 to hold out',
      got: `${train.length} and ${heldOut.length}`,
      remedy: 'add pairs, or look at quarantine.jsonl for what could not be used',
    });
  }
  if (train.length < FEW_PAIRS) {
    warn(
      `only ${train.length} pairs to train on: a model from scratch will know these and little else; more pairs, or towers that ` +
        'others trained (docs/train.md, frozen towers), help most',
    );
  }
  return Math.min(largest, train.length);
}

/** One pair a caption; none if the picture cannot be decoded. */
async function usablePairs(
  { image, text, id, item, origin }: PairRecord,
  transform: ImagePipeline,
  reject: (error: DataError) => void,
): Promise<Pair[]> {
  const path = image.kind === 'file' ? image.path : id;
  try {
    // through the source's own reader, which refuses links that leave the folder
    await transform.pixels(await loadImage(image, origin, defaultMaxImageBytes));
  } catch (cause) {
    if (cause instanceof DataError) reject(cause);
    else if (isDiptychError(cause)) reject(undecodable(origin, cause));
    else throw cause;
    return [];
  }
  const captions = typeof text === 'string' ? [text] : text;
  // captions of one picture stay on one side of any split
  return captions.map((caption, index) => ({ id: `${item}.${index}`, group: id, image: path, text: caption }));
}

function undecodable(origin: Origin, cause: Error): DataError {
  const parts = { problem: cause.message, remedy: 'replace the picture, or remove the line' };
  return new DataError('undecodable-image', origin, parts, { cause });
}
