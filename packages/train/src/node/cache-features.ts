import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageEncoder, InputError, inference, type Json, type Stateful, type TextEncoder } from '@diptych/core';
import { compile } from '@diptych/nn';
import { stateDict } from '@diptych/weights';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { FeatureSet } from '../frozen/feature-set.js';
import { type DeviceBatch, normalizedPixels, toDevice } from '../trainer/device-batch.js';
import type { BatchSource } from '../trainer/options.js';
import { textOf } from '../trainer/training-step.js';

/** Options of {@link cacheFeatures}. */
export interface CacheFeaturesOptions {
  /** Where features are kept; one file a key. */
  readonly folder: string;
  /**
   * What the features depend on beside the towers' weights: the transform's and the tokenizer's `describe()`, and something that
   * changes when the data do (a path with its size and date, a hash).
   */
  readonly key: Json;
  /** After each batch, with the pairs done so far. */
  readonly onProgress?: (pairs: number) => void;
}

/**
 * Runs two frozen towers over a data set once, without training, and keeps what they gave: the next call with the same weights
 * and key reads the file. Heads on top then train at the speed of a matrix product.
 *
 * @param source read once, epoch 0: without random augmentation
 * @throws InputError if the source is empty
 */
export async function cacheFeatures(
  towers: { readonly image: ImageEncoder; readonly text: TextEncoder },
  source: BatchSource,
  { folder, key, onProgress }: CacheFeaturesOptions,
): Promise<FeatureSet> {
  const hash = createHash('sha256').update(JSON.stringify(key));
  for (const tower of [towers.image, towers.text]) await hashWeights(hash, tower);
  const path = join(folder, `${hash.digest('hex').slice(0, 32)}.safetensors`);
  if (!existsSync(path)) {
    const features = await encodeAll(towers, source, onProgress);
    mkdirSync(folder, { recursive: true });
    await writeSafetensors(
      path,
      {
        image: { dtype: 'float32', ...features.image },
        text: { dtype: 'float32', ...features.text },
      },
      { metadata: { ids: JSON.stringify(features.ids), key: JSON.stringify(key) } },
    );
  }
  const file = openSafetensors(path);
  const read = (name: string) => {
    const { data, shape } = file.read(name);
    return { data: data as Float32Array, shape: shape as unknown as readonly [number, number] };
  };
  return new FeatureSet(read('image'), read('text'), JSON.parse(file.metadata.ids!) as string[]);
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
  const both = compile((batch: DeviceBatch) => ({
    image: image.encode(normalizedPixels(batch), inference).pooled,
    text: text.encode(textOf(batch), inference).pooled,
  }));
  const ids: string[] = [];
  const parts: { readonly image: Float32Array; readonly text: Float32Array }[] = [];
  try {
    for await (const batch of source.epoch(0)) {
      const onDevice = toDevice(batch);
      const encoded = both(onDevice);
      const [image, text] = await Promise.all([encoded.image.data(), encoded.text.data()]);
      parts.push({ image: image as Float32Array, text: text as Float32Array });
      tf.dispose([encoded, onDevice as unknown as tf.TensorContainer]);
      ids.push(...batch.ids);
      onProgress?.(ids.length);
    }
  } finally {
    both.dispose();
  }
  if (ids.length === 0) throw new InputError({ where: 'train.cacheFeatures', expected: 'pairs', got: 'none' });
  const join = (of: 'image' | 'text') => {
    const data = new Float32Array(parts.reduce((sum, part) => sum + part[of].length, 0));
    let at = 0;
    for (const part of parts) {
      data.set(part[of], at);
      at += part[of].length;
    }
    return { data, shape: [ids.length, data.length / ids.length] as const };
  };
  return new FeatureSet(join('image'), join('text'), ids);
}
