import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { goldenBackends } from '@diptych/testing/node';
import { parseSafetensors, type Safetensors } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

const OWN = resolve(import.meta.dirname, '../../../golden');

/** Every fixture is compared on each of these: tfjs's reference, and the engine. */
export const BACKENDS = goldenBackends();

/** Largest float32 error of torch itself, and the tensor's largest absolute value. */
export type Float32Error = Readonly<Record<string, readonly [number, number]>>;

/**
 * The folder of a family: below DIPTYCH_GOLDEN where that has it, else the repository's copy (families that the
 * repository added to the shared set may be missing elsewhere).
 */
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

/** One tensor on the device, as torch laid it out. */
export function tensorOf(file: Safetensors, key: string): tf.Tensor {
  const { data, shape, dtype } = file.read(key);
  return tf.tensor(data, [...shape], dtype === 'int32' ? 'int32' : 'float32');
}

/** torch's picture layout to ours. */
export function toNHWC(x: tf.Tensor): tf.Tensor4D {
  return tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);
}

/** Our picture layout to torch's; other ranks stay. */
export function toNCHW(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x;
}

/**
 * Compares by golden/README.md: 10 times torch's own float32 error plus 1e-6 of the tensor's largest value, or the
 * family's share of that largest value where this is more.
 */
export function checkGolden(
  file: Safetensors,
  errors: Float32Error,
  key: string,
  actual: tf.Tensor,
  share = 1e-5,
): void {
  const wanted = file.read(key).data;
  const got = actual.dataSync();
  expect(got.length, key).toBe(wanted.length);
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - wanted[i]!);
    worst = difference > worst || Number.isNaN(difference) ? difference : worst;
  }
  const [error, largest] = errors[key]!;
  // Softmax ignores what is added to all scores alike, so the gradient of a key's bias is zero and comes out as noise.
  const noise = /k_proj\.bias$|in_proj_bias$|qkv\.bias$/.test(key) ? 1e-5 : 0;
  const tolerance = Math.max(10 * error + 1e-6 * largest, share * largest, noise);
  expect(worst, key).toBeLessThanOrEqual(tolerance);
}
