import type { NumericData, Program, Value } from '@diptych/graph';
import type { Buffer, Client, Dtype } from '@diptych/pjrt';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { type LowerOptions, lowerProgram } from '../src/lowering/index';
import { compileForGpu } from './compile-for-gpu';
import { cpuClient } from './cpu-plugin';
import { optimized, record, type TensorFunction } from './recorder';

/** An argument: its elements, shape and dtype. */
export interface Argument {
  readonly data: NumericData;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

const DTYPES: Readonly<Record<string, Dtype>> = { float32: 'f32', int32: 's32', bool: 'pred' };

export const uploaded = (client: Client, { data, shape, dtype }: Argument) =>
  client.upload(data, shape, { dtype: DTYPES[dtype]! });

/** Runs a program on the CPU plugin; `argumentOf` gives the data of leaves that have none of their own. */
export async function runProgram(
  program: Program,
  argumentOf: (leaf: Value) => NumericData,
  options: Partial<LowerOptions> = {},
): Promise<NumericData[]> {
  const client = await cpuClient();
  await compileForGpu(program, options);
  const { text, flags } = lowerProgram(program, { precision: 'f32', platform: 'cpu', ...options });
  const executable = await client.compile(text, { flags }).catch((error: Error) => {
    throw new Error(`${error.message}\n${text.slice(0, 4000)}`);
  });
  const buffers = program.inputs.map((leaf) =>
    uploaded(client, {
      data: (leaf.data as NumericData | null) ?? argumentOf(leaf),
      shape: leaf.shape,
      dtype: leaf.dtype,
    }),
  );
  const outputs = executable.execute<Buffer[]>(buffers);
  const results = (await Promise.all(outputs.map((output) => output.read()))) as NumericData[];
  for (const one of [executable, ...outputs, ...buffers.filter((buffer) => buffer.isLive)]) one.dispose();
  return results;
}

/** What a function of tensors gives through StableHLO, and with tfjs-backend-cpu. */
export async function both(
  fn: TensorFunction,
  args: readonly Argument[],
  options: Partial<LowerOptions> & { passes?: boolean } = {},
) {
  const { passes = false, ...lowering } = options;
  const { program: recorded, leaves } = record(fn, args);
  const program = passes ? optimized(recorded) : recorded;
  const ours = await runProgram(program, (leaf) => args[leaves.indexOf(leaf)]!.data, lowering);
  tf.setBackend('cpu');
  const tensors = args.map(({ data, shape, dtype }) => tf.tensor(data.slice(), shape as number[], dtype as 'float32'));
  const results = [fn(...tensors)].flat();
  const expected = results.map((tensor) => tensor.dataSync() as NumericData);
  const shapes = results.map(({ shape }) => shape);
  tf.dispose([tensors, results]);
  return { ours, expected, shapes, program };
}

/** Expects values close to those of tfjs-backend-cpu: within `tolerance` of the largest finite one, NaN and infinities in their places. */
export function expectClose(ours: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(ours.length).toBe(expected.length);
  const finite = Array.from(expected).filter(Number.isFinite).map(Math.abs);
  const largest = finite.reduce((a, b) => Math.max(a, b), 1e-30);
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [Number(ours[i]), Number(expected[i])];
    if (!Number.isFinite(y) ? Object.is(x, y) : Math.abs(x - y) <= tolerance * largest) continue;
    expect.fail(`element ${i}: ${x}, expected ${y} (of ${expected.length}, largest ${largest})`);
  }
}

/** Expects a function to give what tfjs-backend-cpu gives, with passes and without. */
export async function expectParity(
  fn: TensorFunction,
  args: readonly Argument[],
  { tolerance = 1e-5, ...options }: Partial<LowerOptions> & { tolerance?: number } = {},
): Promise<void> {
  for (const passes of [false, true]) {
    const { ours, expected } = await both(fn, args, { ...options, passes });
    for (const [i, values] of expected.entries()) expectClose(ours[i]!, values, tolerance);
  }
}

/** Reproducible numbers around zero. */
export function normal(shape: readonly number[], seed = 1, spread = 1): Argument {
  const size = shape.reduce((a, b) => a * b, 1);
  let state = seed * 2654435761;
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x9e3779b9) | 0;
    return ((state >>> 8) & 0xffffff) / 2 ** 24;
  };
  const data = Float32Array.from({ length: size }, () => {
    const [u, v] = [next() + 1e-7, next()];
    return spread * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  });
  return { data, shape, dtype: 'float32' };
}

export const floats = (values: readonly number[], shape: readonly number[] = [values.length]): Argument => ({
  data: Float32Array.from(values),
  shape,
  dtype: 'float32',
});

export const integers = (values: readonly number[], shape: readonly number[] = [values.length]): Argument => ({
  data: Int32Array.from(values),
  shape,
  dtype: 'int32',
});

export const bools = (values: readonly number[], shape: readonly number[] = [values.length]): Argument => ({
  data: Uint8Array.from(values),
  shape,
  dtype: 'bool',
});
