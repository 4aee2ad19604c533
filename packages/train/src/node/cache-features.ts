import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkEncoded,
  checkOptions,
  checkPositive,
  type ImageEncoder,
  InputError,
  type Json,
  type LabelNumbers,
  type OptionNames,
  type Stateful,
  type TextEncoder,
} from '@diptych/core';
import { stateDict } from '@diptych/weights';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import type { BatchSource } from '../batches/batch-source.js';
import { checkSource, checkTowers } from '../check-model.js';
import { type EmbeddingModel, embedPairs } from '../evaluate/embed.js';
import { releaseCompiled } from '../evaluate/run-in-order.js';
import { FeatureSet } from '../frozen/feature-set.js';
import { markUsed, removeLeastUsed } from './feature-files.js';

/** Options of {@link cacheFeatures}. */
export interface CacheFeaturesOptions {
  /** Where features are kept; one file a key. */
  readonly folder: string;
  /**
   * What the features depend on beside the towers' weights: the transform's and the tokenizer's `describe()`, and something that
   * changes when the data do (a path with its size and date, a hash).
   */
  readonly key: Json;
  /**
   * Most bytes of all files in the folder: beyond it, those whose last use is longest ago go, but none that this process has used, or any
   * in the last ten minutes. Default: they stay.
   */
  readonly maxBytes?: number;
  /** After each batch, with the pairs done so far. */
  readonly onProgress?: (pairs: number) => void;
}

const OPTIONS: OptionNames<CacheFeaturesOptions> = {
  folder: 'required',
  key: 'required',
  maxBytes: 'optional',
  onProgress: 'optional',
};

/**
 * Runs two frozen towers over a data set once, without training, and keeps what they gave: the next call with the same weights
 * and key reads the file. Heads on top then train at the speed of a matrix product.
 *
 * @param source read once: all rows in order, without augmentation
 * @throws InputError if the source is empty
 */
export async function cacheFeatures(
  towers: { readonly image: ImageEncoder; readonly text: TextEncoder },
  source: BatchSource,
  options: CacheFeaturesOptions,
): Promise<FeatureSet> {
  const where = 'train.cacheFeatures';
  checkTowers(where, towers);
  checkSource(where, source);
  checkOptions(where, options, OPTIONS);
  const { folder, key, maxBytes, onProgress } = options;
  if (maxBytes !== undefined) checkPositive(where, 'maxBytes', maxBytes);
  const hash = createHash('sha256').update(JSON.stringify(key));
  for (const tower of [towers.image, towers.text]) await hashWeights(hash, tower);
  const path = join(folder, `${hash.digest('hex').slice(0, 32)}.safetensors`);
  let features = markUsed(path) ? readIfThere(path) : undefined;
  if (!features) {
    features = await encodeAll(towers, source, onProgress);
    mkdirSync(folder, { recursive: true });
    await writeFeatures(path, features, key);
    markUsed(path);
  }
  if (maxBytes !== undefined) removeLeastUsed(folder, maxBytes);
  return features;
}

async function writeFeatures(path: string, { image, text, labels, ids }: FeatureSet, key: Json): Promise<void> {
  const columns = Object.entries(labels).map(([name, data]) => [LABEL + name, labelTensor(data)]);
  await writeSafetensors(
    path,
    { image: { dtype: 'float32', ...image }, text: { dtype: 'float32', ...text }, ...Object.fromEntries(columns) },
    { metadata: { ids: JSON.stringify(ids), key: JSON.stringify(key) } },
  );
}

/** Features that are there; undefined if another process has just removed them. */
function readIfThere(path: string): FeatureSet | undefined {
  try {
    return readFeatures(path);
  } catch (error) {
    if (existsSync(path)) throw error;
    return undefined;
  }
}

function readFeatures(path: string): FeatureSet {
  const file = openSafetensors(path);
  const read = (name: string) => {
    const { data, shape } = file.read(name);
    return { data: data as Float32Array, shape: shape as readonly [number, number] };
  };
  const labels = [...file.infos.keys()].filter((name) => name.startsWith(LABEL));
  return new FeatureSet(
    read('image'),
    read('text'),
    JSON.parse(file.metadata.ids!) as string[],
    Object.fromEntries(labels.map((name) => [name.slice(LABEL.length), file.read(name).data as LabelNumbers])),
  );
}

/** Begins the names of columns of labels in the file. */
const LABEL = 'labels.';

function labelTensor(data: LabelNumbers) {
  const dtype = data instanceof Int32Array ? ('int32' as const) : ('float32' as const);
  return { dtype, shape: [data.length], data };
}

async function hashWeights(hash: ReturnType<typeof createHash>, tower: Stateful): Promise<void> {
  for (const [name, { data, shape }] of await stateDict(tower)) {
    hash.update(`${name}[${shape}]`).update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
}

async function encodeAll(
  { image, text }: { readonly image: ImageEncoder; readonly text: TextEncoder },
  source: BatchSource,
  onProgress: ((pairs: number) => void) | undefined,
): Promise<FeatureSet> {
  const towers: EmbeddingModel = {
    encodeImage: (pixels, context) =>
      checkEncoded('train.cacheFeatures: image', image.encode(pixels, context), image.embedDim),
    encodeText: (tokens, context) =>
      checkEncoded('train.cacheFeatures: text', text.encode(tokens, context), text.embedDim),
  };
  try {
    const { image, text, ids, labels } = await embedPairs(towers, source, { normalize: false, onProgress });
    if (ids.length === 0) throw new InputError({ where: 'train.cacheFeatures', expected: 'pairs', got: 'none' });
    return new FeatureSet(image, text, ids, labels);
  } finally {
    releaseCompiled(towers);
  }
}
