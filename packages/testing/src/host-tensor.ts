import { checkShape, type Dimension, formatShape } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { ensure } from './check.js';

/** A tensor's shape and numbers, off the device. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: Float32Array;
}

/**
 * Computes inside `tf.tidy`, reads every tensor that came out, and frees them.
 *
 * @param compute gives tensors by name; absent ones may be undefined
 */
export async function evaluate<Keys extends string>(
  compute: () => Readonly<Record<Keys, tf.Tensor | undefined>>,
): Promise<Record<Keys, HostTensor>> {
  const tensors = tf.tidy(() => {
    const entries = Object.entries(compute()) as [Keys, tf.Tensor | undefined][];
    // Variables and inputs handed through must not be freed with the results.
    return Object.fromEntries(entries.flatMap(([key, tensor]) => (tensor ? [[key, tf.clone(tensor)]] : [])));
  });
  const result = {} as Record<Keys, HostTensor>;
  for (const [key, tensor] of Object.entries(tensors) as [Keys, tf.Tensor][]) {
    const { shape, dtype } = tensor;
    result[key] = { shape, dtype, values: Float32Array.from(await tensor.data()) };
    tensor.dispose();
  }
  return result;
}

/** Copies of variables' values, and how to put them back. */
export async function snapshot(variables: Iterable<[string, tf.Variable]>): Promise<Map<string, HostTensor>> {
  const copies = new Map<string, HostTensor>();
  for (const [name, variable] of variables) {
    const values = Float32Array.from(await variable.data());
    copies.set(name, { shape: variable.shape, dtype: variable.dtype, values });
  }
  return copies;
}

/** Puts back what {@link snapshot} copied. */
export function restore(variables: Iterable<[string, tf.Variable]>, copies: ReadonlyMap<string, HostTensor>): void {
  for (const [name, variable] of variables) {
    const { values, shape, dtype } = copies.get(name)!;
    tf.tidy(() => variable.assign(tf.tensor(Array.from(values), [...shape], dtype as 'float32')));
  }
}

/** Checks shape and dtype, and that every number is finite. */
export function requireFinite(what: string, tensor: HostTensor | undefined, shape: readonly Dimension[]): void {
  ensure(tensor !== undefined, `${what} is missing`);
  checkShape('contract', what, tensor, shape);
  ensure(tensor.dtype === 'float32', `${what} is ${tensor.dtype}, not float32`);
  const at = tensor.values.findIndex((value) => !Number.isFinite(value));
  ensure(at < 0, () => `${what} holds ${tensor.values[at]} at flat index ${at} of ${formatShape(tensor.shape)}`);
}

/**
 * Checks that two tensors agree.
 *
 * @param tolerance largest difference, as a fraction of the largest number of `expected` (at least of 1e-6)
 */
export function requireClose(
  what: string,
  actual: HostTensor | undefined,
  expected: HostTensor | undefined,
  tolerance: number,
): void {
  ensure((actual === undefined) === (expected === undefined), `${what} is there in one of two results only`);
  if (!actual || !expected) return;
  ensure(
    `${actual.shape}` === `${expected.shape}`,
    () => `${what}: shapes ${formatShape(actual.shape)} and ${formatShape(expected.shape)} differ`,
  );
  const largest = Math.max(1e-6, largestMagnitude(expected));
  const { error, index } = largestDifference(actual.values, expected.values);
  ensure(
    error <= tolerance * largest,
    () =>
      `${what} differs by ${error.toPrecision(3)} at flat index ${index} (${actual.values[index]} and ${expected.values[index]}), ` +
      `more than ${tolerance} of the largest value ${largest.toPrecision(3)}`,
  );
}

/** The largest absolute value; 0 for an empty tensor. */
export function largestMagnitude({ values }: HostTensor): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/** The largest absolute difference and where it is; a NaN counts as infinitely different. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): { error: number; index: number } {
  let error = 0;
  let index = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Object.is(a[i], b[i]) ? 0 : Math.abs(a[i]! - b[i]!);
    if (difference <= error) continue;
    error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    index = i;
  }
  return { error, index };
}
