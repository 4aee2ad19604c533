import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseSafetensors, type Safetensors } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

const OWN = resolve(import.meta.dirname, '../../../golden');

/** Largest float32 error of torch itself, and the tensor's largest absolute value. */
export type Float32Error = Readonly<Record<string, readonly [number, number]>>;

/** The folder of a family, below DIPTYCH_GOLDEN or the repository's copy. */
export function family(name: string): string {
  return resolve(process.env.DIPTYCH_GOLDEN ?? OWN, name);
}

/** A family's JSON file. */
export function readJsonFile<T>(folder: string, file: string): T {
  return JSON.parse(readFileSync(resolve(folder, file), 'utf8')) as T;
}

/** A family's tensors. */
export function openFile(folder: string, file: string): Safetensors {
  const path = resolve(folder, file);
  expect(existsSync(path), path).toBe(true);
  return parseSafetensors(readFileSync(path), file);
}

/** One tensor on the device, as torch laid it out. */
export function tensorOf<T extends tf.Tensor = tf.Tensor>(file: Safetensors, key: string): T {
  const { data, shape, dtype } = file.read(key);
  return tf.tensor(data, [...shape], dtype === 'int32' ? 'int32' : 'float32') as T;
}

/** Largest absolute difference; NaN where there is one. */
export function worstDifference(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  expect(got.length).toBe(wanted.length);
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - wanted[i]!);
    if (difference > worst || Number.isNaN(difference)) worst = difference;
  }
  return worst;
}

/** The rule of golden/README.md: 10 times torch's own float32 error, plus 1e-6 of the largest value. */
export function toleranceOf([error, largest]: readonly [number, number]): number {
  return 10 * error + 1e-6 * largest;
}
