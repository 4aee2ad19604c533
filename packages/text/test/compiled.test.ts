import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { compile, randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { batchOf, SMALL_ENCODERS } from './small-encoders.js';

/** A sum with changing weights: a plain sum after a layer normalisation has no gradient. */
function weightedSum(x: tf.Tensor): tf.Tensor {
  return tf.sum(tf.mul(tf.reshape(x, [-1]), tf.sin(tf.range(0, x.size, 1, 'float32'))));
}

/** Encodes two batches, then the gradients of training on them, dropout included; compiled where the backend compiles. */
async function run(backend: string, make: (typeof SMALL_ENCODERS)[string]) {
  await tf.setBackend(backend);
  const encoder = make();
  const encode = compile((inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D) => {
    const { pooled, sequence } = encoder.encode({ inputIds, attentionMask }, inference);
    return { pooled, sequence };
  });
  const variables = Array.from(encoder.namedParameters(), ([, variable]) => variable);
  const step = compile((inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D, state: tf.Tensor1D) => {
    const { grads } = tf.variableGrads(() => {
      const context = { training: true, random: { state } } as const;
      const { pooled, sequence } = encoder.encode({ inputIds, attentionMask }, context);
      return tf.add(weightedSum(pooled), weightedSum(sequence)) as tf.Scalar;
    }, variables);
    return variables.map(({ name }) => grads[name]!);
  });
  const batches = [1, 2].map((seed) => batchOf(3, seed));
  const read = (tensor: tf.Tensor) => tensor.dataSync<'float32'>().slice();
  const values = batches.flatMap(({ inputIds, attentionMask }) =>
    Object.values(encode(inputIds, attentionMask)).map(read),
  );
  const gradients = batches.flatMap(({ inputIds, attentionMask }, index) =>
    step(inputIds, attentionMask, randomStream(3, index).state).map(read),
  );
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
    expect(worst, `tensor ${index}`).toBeLessThanOrEqual(share * largest + 1e-5);
  }
}

it.each(Object.entries(SMALL_ENCODERS))(
  '%s: the compiled encoder gives the values and gradients of tfjs-backend-cpu, dropout masks included',
  async (_name, make) => {
    const wanted = await run('cpu', make);
    const actual = await run('onnxruntime', make);
    expectClose(actual.values, wanted.values, 1e-5);
    expectClose(actual.gradients, wanted.gradients, 1e-4);
  },
);
