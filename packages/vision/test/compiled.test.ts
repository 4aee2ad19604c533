import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { compile, randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { SMALL_ENCODERS, type SmallEncoder } from './small-encoders.js';

interface Results {
  readonly values: Float32Array[];
  readonly gradients: Float32Array[];
}

/** A sum with changing weights: a plain sum of squares after a layer normalisation has no gradient. */
function weightedSum(x: tf.Tensor): tf.Tensor {
  const weights = tf.sin(tf.range(0, x.size, 1, 'float32'));
  return tf.sum(tf.mul(tf.reshape(x, [-1]), weights));
}

/** Encodes two batches, then trains on them; compiled where the backend compiles. */
async function run(backend: string, { make, size }: SmallEncoder): Promise<Results> {
  await tf.setBackend(backend);
  const encoder = make();
  const batches = [1, 2].map((seed) => {
    const noise = tf.tidy(() => tf.randomNormal([2, size, size, 3], 0, 1, 'float32', seed).dataSync().slice());
    return tf.tensor(noise, [2, size, size, 3]) as tf.Tensor4D;
  });
  const encode = compile((pixels: tf.Tensor4D) => {
    const { pooled, sequence } = encoder.encode(pixels, inference);
    return { pooled, sequence };
  });
  const variables = Array.from(encoder.namedParameters(), ([, variable]) => variable);
  const step = compile((pixels: tf.Tensor4D, state: tf.Tensor1D) => {
    const context = { training: true, random: { state } } as const;
    const { grads } = tf.variableGrads(() => {
      const { pooled, sequence } = encoder.encode(pixels, context);
      return tf.add(weightedSum(pooled), weightedSum(sequence)) as tf.Scalar;
    }, variables);
    return variables.map(({ name }) => grads[name]!);
  });
  const values = batches.flatMap((pixels) =>
    Object.values(encode(pixels)).map((tensor) => tensor.dataSync().slice() as Float32Array),
  );
  const gradients = batches.flatMap((pixels, index) => {
    const { state } = randomStream(3, index);
    return step(pixels, state).map((tensor) => tensor.dataSync().slice() as Float32Array);
  });
  for (const [, buffer] of encoder.namedBuffers()) values.push(buffer.dataSync().slice() as Float32Array);
  encode.dispose();
  step.dispose();
  encoder.dispose();
  return { values, gradients };
}

function expectClose(actual: readonly Float32Array[], wanted: readonly Float32Array[], share: number): void {
  expect(actual.length).toBe(wanted.length);
  for (const [index, array] of actual.entries()) {
    const expected = wanted[index]!;
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = array.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    expect(worst, `tensor ${index}`).toBeLessThanOrEqual(share * largest + 1e-4 * share);
  }
}

it.each(Object.entries(SMALL_ENCODERS))(
  '%s: the compiled encoder gives the values and gradients of tfjs-backend-cpu',
  async (_name, small) => {
    const wanted = await run('cpu', small);
    const actual = await run('onnxruntime', small);
    expectClose(actual.values, wanted.values, 1e-4);
    expectClose(actual.gradients, wanted.gradients, 1e-3);
  },
  120_000,
);
