import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TextInput } from '@diptych/core';
import { parseSafetensors, type Safetensors } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

const OWN = resolve(import.meta.dirname, '../../../golden');

/** Every fixture is compared on each of these: tfjs's reference, and the engine. */
export const BACKENDS = ['cpu', 'onnxruntime'] as const;

/** Largest float32 error of torch itself, and the tensor's largest absolute value. */
export type Float32Error = Readonly<Record<string, readonly [number, number]>>;

/** The folder of a family: below DIPTYCH_GOLDEN where that has it, else the repository's copy. */
export function family(name: string): string {
  const asked = resolve(process.env.DIPTYCH_GOLDEN ?? OWN, name);
  return existsSync(asked) ? asked : resolve(OWN, name);
}

/** A family's JSON file. */
export function readJsonFile<T>(folder: string, file: string): T {
  return JSON.parse(readFileSync(resolve(folder, file), 'utf8')) as T;
}

/** A family's tensors. */
export function openFile(folder: string, file: string): Safetensors {
  return parseSafetensors(readFileSync(resolve(folder, file)), file);
}

/** One tensor on the device. */
export function tensorOf(file: Safetensors, key: string): tf.Tensor {
  const { data, shape, dtype } = file.read(key);
  return tf.tensor(data, [...shape], dtype === 'int32' ? 'int32' : 'float32');
}

/** Token ids, mask and, where there are any, segments. */
export function inputOf(file: Safetensors): TextInput {
  const tokens = (key: string) => tensorOf(file, key) as tf.Tensor2D;
  return {
    inputIds: tokens('input_ids'),
    attentionMask: tokens('attention_mask'),
    tokenTypeIds: file.infos.has('token_type_ids') ? tokens('token_type_ids') : undefined,
  };
}

/** Compares by the rule of golden/README.md: 10 times torch's own float32 error, plus 1e-6 of the largest value. */
export function checkGolden(file: Safetensors, errors: Float32Error, key: string, actual: tf.Tensor): void {
  const { data: wanted, shape } = file.read(key);
  expect(actual.shape, key).toEqual([...shape]);
  const got = actual.dataSync();
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - wanted[i]!);
    worst = difference > worst || Number.isNaN(difference) ? difference : worst;
  }
  const [error, largest] = errors[key]!;
  // Softmax ignores what is added to all scores alike, so the gradient of a key's bias is zero and comes out as noise.
  const noise = /(key|k_proj)\.bias$/.test(key) ? 1e-5 : 0;
  expect(worst, key).toBeLessThanOrEqual(Math.max(10 * error + 1e-6 * largest, noise));
}

/** The gradients of sum(output * r) in every parameter, by the model's names. */
export function gradientsOf(
  parameters: Iterable<[string, tf.Variable]>,
  output: () => tf.Tensor,
  r: tf.Tensor,
): [string, tf.Tensor][] {
  const named = [...parameters];
  const { grads } = tf.variableGrads(
    () => tf.sum(tf.mul(output(), r)) as tf.Scalar,
    named.map(([, variable]) => variable),
  );
  return named.map(([name, variable]) => [name, grads[variable.name]!]);
}
