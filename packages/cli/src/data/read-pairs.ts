import { resolve } from 'node:path';
import { ConfigError, isDiptychError } from '@diptych/core';
import {
  DataError,
  defaultMaxImageBytes,
  loadImage,
  type Origin,
  type PairRecord,
  type PairSource,
  plainRead,
} from '@diptych/data';
import type { ImagePipeline } from '@diptych/preprocess/image';
import { type DataLayout, openData } from './open-data.js';
import type { Pair } from './pair.js';

/** Where the pairs of a run are from. */
export interface PairData {
  /** Tells these pairs from others in `run.json`: a path, or the name that a configuration gave. */
  readonly name: string;
  /** For the report. */
  readonly about: string;
  /**
   * @param transform that every picture is decoded by once, so that what cannot be used is known before training begins
   * @param reject takes lines and pictures that cannot be used
   */
  read(transform: ImagePipeline, reject: (error: DataError) => void): Promise<readonly Pair[]>;
}

/** Pictures that are decoded at once while they are looked through. */
const DECODED_AT_ONCE = 8;

/**
 * A user's own pairs: a table or a folder of pictures.
 *
 * @param where the path was given, for messages
 * @throws TrainingError if there is nothing of that name, or nothing that is known
 */
export function pairsAt(path: string, where: string, layout?: DataLayout): PairData {
  const source = openData(path, where, layout);
  return { name: resolve(path), about: path, read: (transform, reject) => usablePairs(source, transform, reject) };
}

/**
 * Pairs that a configuration makes, which are all usable.
 *
 * @throws ConfigError if it gives something else
 */
export async function ownPairs(
  name: string,
  make: () => readonly Pair[] | Promise<readonly Pair[]>,
): Promise<readonly Pair[]> {
  const pairs = await make();
  const bad = Array.isArray(pairs) ? pairs.findIndex((pair) => !isPair(pair)) : 0;
  if (bad === -1) return pairs;
  throw new ConfigError({
    where: `data ${name}: pair ${bad + 1}`,
    expected: '{ id, group, image, text } of text',
    got: JSON.stringify(Array.isArray(pairs) ? pairs[bad] : pairs)?.slice(0, 200) ?? 'nothing',
  });
}

function isPair(value: unknown): boolean {
  const fields = value as Partial<Record<keyof Pair, unknown>> | null;
  return (['id', 'group', 'image', 'text'] as const).every((name) => typeof fields?.[name] === 'string');
}

async function usablePairs(
  source: PairSource,
  transform: ImagePipeline,
  reject: (error: DataError) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  let waiting: Promise<Pair[]>[] = [];
  const settle = async () => {
    pairs.push(...(await Promise.all(waiting)).flat());
    waiting = [];
  };
  for await (const record of source.read(plainRead(reject))) {
    waiting.push(pairsOfRecord(record, transform, reject));
    if (waiting.length >= DECODED_AT_ONCE) await settle();
  }
  await settle();
  return pairs;
}

/** One pair a caption; none if the picture cannot be decoded. */
async function pairsOfRecord(
  { image, text, id, item, origin }: PairRecord,
  transform: ImagePipeline,
  reject: (error: DataError) => void,
): Promise<Pair[]> {
  const { kind } = image;
  if (kind !== 'file') {
    reject(
      new DataError('missing-file', origin, {
        expected: 'the path of a picture',
        got: `its ${kind} in the table`,
        remedy: 'write the pictures into files: a run names them, for search and report',
      }),
    );
    return [];
  }
  const { path } = image;
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
