import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
// registers gradients, which tfjs-core's Node bundle leaves out
import '@diptych/nn';
import { InputError } from '@diptych/core';
import type { TensorCollection } from '@diptych/weights';
import { openSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { ContractViolation } from '../check.js';
import { largestDifference } from '../host-tensor.js';

/**
 * How exact PyTorch itself was, by tensor: the largest difference between its float32 and float64 results, and the
 * tensor's largest absolute value.
 */
export type Float32Error = Readonly<Record<string, readonly [error: number, largest: number]>>;

/**
 * The folder of a family of fixtures: below the environment variable DIPTYCH_GOLDEN where that has it, else below the
 * nearest folder `golden` upwards from the working directory. So a set of fixtures need not repeat families that only
 * this repository has.
 *
 * @throws InputError if it is in neither
 */
export function goldenFamily(family: string): string {
  const asked = process.env.DIPTYCH_GOLDEN;
  const roots = [asked && resolve(asked), findUpwards('golden', process.cwd())];
  const folders = roots.flatMap((root) => (root ? [join(root, family)] : []));
  const found = folders.find((folder) => existsSync(folder));
  if (found) return found;
  throw new InputError({
    where: `golden fixtures ${family}`,
    expected: folders.length > 0 ? `a folder ${folders.join(' or ')}` : 'a folder `golden` here or above',
    got: 'none',
    remedy: 'set DIPTYCH_GOLDEN to the folder that holds the families',
  });
}

function findUpwards(name: string, from: string): string | undefined {
  const candidate = join(from, name);
  if (existsSync(join(candidate, 'README.md'))) return candidate;
  const parent = dirname(from);
  return parent === from ? undefined : findUpwards(name, parent);
}

/**
 * Backends that golden tests run on: tfjs's reference and the engine, or those that the environment variable
 * DIPTYCH_BACKENDS lists, separated by commas. The test imports what registers them.
 */
export function goldenBackends(): readonly string[] {
  return process.env.DIPTYCH_BACKENDS?.split(',') ?? ['cpu', 'onnxruntime'];
}

/** A family's JSON file (`meta.json`, `config.json`, `manifest.json`). */
export function readGoldenJson<T>(family: string, file = 'meta.json'): T {
  return JSON.parse(readFileSync(join(goldenFamily(family), file), 'utf8')) as T;
}

/** A family's tensors, read when asked for. */
export function openGolden(family: string, file: string): TensorCollection {
  return openSafetensors(join(goldenFamily(family), file));
}

/** One tensor on the device, laid out as PyTorch did. The caller disposes it. */
export function goldenTensor<T extends tf.Tensor = tf.Tensor>(file: TensorCollection, key: string): T {
  const { data, shape, dtype } = file.read(key);
  return tf.tensor(data, [...shape], dtype === 'float32' ? 'float32' : 'int32') as T;
}

/** The rule of the fixtures' README: ten times PyTorch's own float32 error, plus a millionth of the largest value. */
export function goldenTolerance([error, largest]: readonly [error: number, largest: number]): number {
  return 10 * error + 1e-6 * largest;
}

/** The gradients of `sum(output * r)` in every parameter, by the model's names: what the families' gradients are of. */
export function goldenGradients(
  parameters: Iterable<[string, tf.Variable]>,
  output: () => tf.Tensor,
  r: tf.Tensor,
): [string, tf.Tensor][] {
  const named = [...parameters];
  const { grads } = tf.variableGrads(
    () => tf.sum(tf.mul(output(), r)),
    named.map(([, variable]) => variable),
  );
  return named.map(([name, variable]) => [name, grads[variable.name]!]);
}

/** How {@link checkGolden} compares. */
export interface CheckGoldenOptions {
  /** PyTorch's own error of each tensor; from the family's `meta.json`. */
  readonly float32Error?: Float32Error;
  /** Least tolerance as a fraction of the largest value; the whole tolerance of tensors that `float32Error` does not list. */
  readonly relative?: number;
  /**
   * Smallest absolute tolerance, by name. Default: 1e-5 for gradients of attention's key biases, which are zero by
   * mathematics, so that PyTorch's own are rounding noise.
   */
  readonly absolute?: readonly (readonly [name: RegExp, tolerance: number])[];
}

const NOISE: CheckGoldenOptions['absolute'] = [
  [/^grad\..*(attention\.self\.key\.bias|k_proj\.bias|in_proj_bias|qkv\.bias)$/, 1e-5],
];

/**
 * Compares a tensor with a fixture.
 *
 * @param actual a tensor in PyTorch's layout, where axes of size 1 may differ, or its numbers
 * @throws ContractViolation that says by how much they differ, where, and what was allowed
 */
export function checkGolden(
  file: TensorCollection,
  key: string,
  actual: tf.Tensor | ArrayLike<number>,
  { float32Error = {}, relative, absolute = NOISE }: CheckGoldenOptions,
): void {
  const expected = file.read(key);
  if (actual instanceof tf.Tensor && withoutOnes(actual.shape) !== withoutOnes(expected.shape)) {
    throw new ContractViolation(`${key}: expected shape [${expected.shape}], got [${actual.shape}]`);
  }
  const got = actual instanceof tf.Tensor ? actual.dataSync() : actual;
  if (got.length !== expected.data.length) {
    throw new ContractViolation(`${key}: expected ${expected.data.length} numbers, got ${got.length}`);
  }
  const tolerance = toleranceFor(file, key, expected.data, { float32Error, relative, absolute });
  const { error, index } = largestDifference(got, expected.data);
  if (error <= tolerance) return;
  throw new ContractViolation(
    `${file.name}, ${key}: differs by ${error.toPrecision(3)} at flat index ${index} ` +
      `(${got[index]}, PyTorch ${expected.data[index]}), allowed are ${tolerance.toPrecision(3)}`,
  );
}

function withoutOnes(shape: readonly number[]): string {
  return shape.filter((size) => size !== 1).join();
}

function toleranceFor(
  file: TensorCollection,
  key: string,
  expected: ArrayLike<number>,
  { float32Error, relative, absolute }: CheckGoldenOptions,
): number {
  const least = absolute?.find(([name]) => name.test(key))?.[1] ?? 0;
  const known = float32Error?.[key];
  if (known) return Math.max(least, goldenTolerance(known), (relative ?? 0) * known[1]);
  if (relative === undefined) {
    throw new InputError({
      where: `${file.name}, ${key}`,
      expected: "an entry in the family's float32_error, or `relative`",
      got: 'neither',
    });
  }
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Math.max(least, relative * largest);
}
