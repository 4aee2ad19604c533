import { compileFunction } from '@diptych/graph/engine';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { OnnxRuntimeBackend } from '../src/backend.js';

/** Normal numbers, the same for a seed. */
export const random = (shape: number[], seed: number, mean = 0) => tf.randomNormal(shape, mean, 1, 'float32', seed);

/** Largest difference relative to the largest expected element. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [0, 1e-6];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}

/**
 * Compares value and gradients of `sum(f(x) * r)`, compiled here and eager on the portable backend. Returns the operations that
 * the compiled program consists of.
 */
export function compareWithPortable(
  f: (x: tf.Tensor) => tf.Tensor,
  variables: readonly tf.Variable[],
  shape: number[],
  tolerance = 2e-5,
): string {
  const backend = tf.backend() as OnnxRuntimeBackend;
  const weighted = (x: tf.Tensor) => {
    const r = random(f(x).shape, 99);
    return tf.sum(tf.mul(f(x), r)) as tf.Scalar;
  };
  const all = (x: tf.Tensor) => {
    if (variables.length === 0) return { output: f(x), value: weighted(x), dx: tf.grad(weighted)(x), grads: [] };
    const { value, grads } = tf.variableGrads(() => weighted(x), variables as tf.Variable[]);
    return { output: f(x), value, dx: tf.grad(weighted)(x), grads: variables.map((variable) => grads[variable.name]!) };
  };
  const compiled = compileFunction(backend, all);
  const read = ({ output, value, dx, grads }: ReturnType<typeof all>) =>
    [output, value, dx, ...grads].map((t) => t.dataSync().slice());
  const ours = tf.tidy(() => read(compiled(random(shape, 7, 0.5))));
  const text = compiled.programs()[0]!;
  compiled.dispose();
  tf.setBackend('cpu');
  const expected = tf.tidy(() => read(all(random(shape, 7, 0.5))));
  tf.setBackend('onnxruntime');
  ours.forEach((values, i) => {
    expect(relativeError(values, expected[i]!), `result ${i}`).toBeLessThan(tolerance);
  });
  return text;
}
