import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TextInput } from '@diptych/core';
import { parseSafetensors, type TensorCollection } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';

/** Absolute path of a fixture. */
export function fixture(path: string): string {
  return resolve(import.meta.dirname, '../src/__fixtures__', path);
}

/** A fixture's tensors. */
export function openFixture(path: string): TensorCollection {
  return parseSafetensors(readFileSync(fixture(path)), path);
}

/** One of them on the device. */
export function tensorOf<R extends tf.Rank>(collection: TensorCollection, name: string): tf.Tensor<R> {
  const { data, shape, dtype } = collection.read(name);
  return tf.tensor(data, [...shape] as tf.ShapeMap[R], dtype as 'float32' | 'int32');
}

/** Its token ids, mask and, where there are any, segments. */
export function inputOf(collection: TensorCollection): TextInput {
  return {
    inputIds: tensorOf(collection, 'input_ids'),
    attentionMask: tensorOf(collection, 'attention_mask'),
    tokenTypeIds: collection.infos.has('token_type_ids') ? tensorOf(collection, 'token_type_ids') : undefined,
  };
}

/** Largest absolute difference. */
export function difference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!);
}
