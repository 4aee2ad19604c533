import { buffersOf, type Context, type Encoder, inference, parametersOf } from '@diptych/core';
import { compile, randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import type { EncoderContract, EncoderInput } from './encoder-contract.js';
import { largestDifference } from './host-tensor.js';

/** What {@link testCompiledEncoder} is told of an encoder and of the backends. */
export interface CompiledEncoderContract<Input> extends Pick<EncoderContract<Input>, 'create' | 'input'> {
  /** The backend that compiles, registered by the test. */
  readonly backend: string;
  /** The one whose numbers count, default `cpu`. */
  readonly reference?: string;
  /** Largest differences of outputs and of gradients, as fractions of each tensor's largest value. */
  readonly tolerance: { readonly values: number; readonly gradients: number };
  /**
   * Difference that is always allowed, beside float32's rounding of the largest gradient of all: gradients that are zero by
   * mathematics (a shift in front of a batch normalisation) are noise of that size. Default 1e-7.
   */
  readonly noise?: number;
}

/**
 * Checks that an encoder compiled by a backend computes what a reference backend computes operator by operator: outputs,
 * gradients in training (random masks included) and running statistics, on a recorded batch and on a replayed one.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testCompiledEncoder<Input extends EncoderInput>(
  runner: Runner,
  name: string,
  contract: CompiledEncoderContract<Input>,
): void {
  register(runner, name, compiledEncoderChecks(contract));
}

/** The check of {@link testCompiledEncoder}, for use without a test runner. Leaves its backend selected. */
export function compiledEncoderChecks<Input extends EncoderInput>(contract: CompiledEncoderContract<Input>): Check[] {
  checkContract('testing.compiledEncoderChecks', contract, 'create');
  const { backend, reference = 'cpu', tolerance, noise = 1e-7 } = contract;
  return [
    {
      name: `compiled on ${backend} it gives the values and gradients of ${reference}`,
      run: async () => {
        const wanted = await encodeAndTrain(contract, reference);
        const actual = await encodeAndTrain(contract, backend);
        requireAlike('value', actual.values, wanted.values, tolerance.values, noise);
        requireAlike('gradient', actual.gradients, wanted.gradients, tolerance.gradients, noise);
      },
    },
  ];
}

/** Two batches: the first is recorded, the second replayed. */
async function encodeAndTrain<Input extends EncoderInput>(
  { create, input }: CompiledEncoderContract<Input>,
  backend: string,
) {
  await tf.setBackend(backend);
  const encoder = await create();
  const outputs = (batch: Input, context: Context) => {
    const { pooled, sequence } = (encoder as Encoder<Input>).encode(batch, context);
    return [pooled, sequence];
  };
  const encode = compile((batch: Input) => outputs(batch, inference));
  const variables = parametersOf(encoder).map(([, variable]) => variable);
  const step = compile((batch: Input, state: tf.Tensor1D) => {
    const loss = () => tf.addN(outputs(batch, { training: true, random: { state } }).map(weightedSum));
    const { grads } = tf.variableGrads(loss, variables);
    return variables.map(({ name }) => grads[name]!);
  });
  const batches = [1, 2].map((seed) => input(3, seed));
  const values = batches.flatMap((batch) => encode(batch).map(read));
  const gradients = batches.flatMap((batch, index) => step(batch, randomStream(3, index).state).map(read));
  for (const [, buffer] of buffersOf(encoder)) values.push(read(buffer));
  for (const part of [encode, step, encoder]) part.dispose();
  return { values, gradients };
}

/** A sum with changing weights: a plain sum after a layer normalisation has no gradient. */
function weightedSum(x: tf.Tensor): tf.Scalar {
  return tf.sum(tf.mul(tf.reshape(x, [-1]), tf.sin(tf.range(0, x.size, 1, 'float32'))));
}

function read(tensor: tf.Tensor): Float32Array {
  return tensor.dataSync<'float32'>().slice();
}

/** A few units in the last place of float32. */
const ROUNDING = 5e-7;

function requireAlike(
  what: string,
  actual: readonly Float32Array[],
  wanted: readonly Float32Array[],
  tolerance: number,
  noise: number,
): void {
  ensure(actual.length === wanted.length, `${actual.length} and ${wanted.length} tensors`);
  const sizes = wanted.map((tensor) => tensor.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  const rounding = ROUNDING * Math.max(...sizes);
  for (const [index, expected] of wanted.entries()) {
    const largest = sizes[index]!;
    const { error } = largestDifference(actual[index]!, expected);
    ensure(
      error <= tolerance * largest + rounding + noise,
      `${what} ${index} differs by ${error}, its largest is ${largest}`,
    );
  }
}
