import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { Generator } from '../src/index.js';

/** float32 numbers of N(0, 1) in any shape; the same for the same seed. */
export function randn<R extends tf.Rank>(shape: number[], seed: number): tf.Tensor<R> {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(new Generator(seed).normal(size), shape as tf.ShapeMap[R]);
}

/**
 * Compares the gradient of sum(fn(x) * r), r fixed and random, with central differences.
 *
 * @param fn differentiable, tensors in, one tensor out
 * @param inputs float32 tensors; each gets its gradient checked in up to 24 places
 */
export function checkGradients(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  { step = 1e-2, tolerance = 5e-3 }: { step?: number; tolerance?: number } = {},
): void {
  tf.tidy(() => {
    const r = randn(fn(...inputs).shape, 991);
    const loss = (...args: tf.Tensor[]) => tf.sum(tf.mul(fn(...args), r));
    const gradients = tf.grads(loss as (...args: tf.Tensor[]) => tf.Tensor)(inputs);
    for (const [index, input] of inputs.entries()) {
      const values = input.dataSync<'float32'>();
      const gradient = gradients[index]!.dataSync<'float32'>();
      expect(gradients[index]!.shape).toEqual(input.shape);
      const largest = gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 1);
      const stride = Math.max(1, Math.floor(values.length / 24));
      for (let at = 0; at < values.length; at += stride) {
        const valueAt = (shift: number) => {
          const moved = Float32Array.from(values);
          moved[at]! += shift;
          const args = inputs.map((other, i) => (i === index ? tf.tensor(moved, input.shape) : other));
          return loss(...args).dataSync()[0]!;
        };
        const numeric = (valueAt(step) - valueAt(-step)) / (2 * step);
        const error = Math.abs(numeric - gradient[at]!);
        expect(error, `input ${index}, element ${at}: ${gradient[at]} against ${numeric}`).toBeLessThan(
          tolerance * largest,
        );
      }
    }
  });
}

/** Largest absolute difference of a tensor to expected numbers. */
export function maxError(actual: tf.Tensor, expected: ArrayLike<number>): number {
  const values = Float32Array.from(actual.dataSync());
  expect(values.length).toBe(expected.length);
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}
