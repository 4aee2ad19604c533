import '@tensorflow/tfjs-backend-cpu';
import type { Encoder } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { runChecks } from './check.js';
import { compiledEncoderChecks } from './compiled-contract.js';

/** x * weight, as one token. */
function scaling(weight: number): Encoder<tf.Tensor2D> {
  const variable = tf.variable(tf.scalar(weight));
  return {
    embedDim: 4,
    namedParameters: () => [['weight', variable]],
    namedBuffers: () => [],
    dispose: () => variable.dispose(),
    encode: (x) => {
      const pooled: tf.Tensor2D = tf.mul(x, variable);
      return { pooled, sequence: tf.expandDims(pooled, 1) };
    },
  };
}

const checksOf = (create: () => Encoder<tf.Tensor2D>) =>
  compiledEncoderChecks({
    create,
    input: (size, seed) => tf.randomNormal([size, 4], 0, 1, 'float32', seed),
    backend: 'cpu',
    tolerance: { values: 1e-5, gradients: 1e-5 },
  });

it('passes an encoder that computes the same on both backends', async () => {
  expect(await runChecks(checksOf(() => scaling(2)))).toEqual([]);
});

it('finds one that does not, and says by how much', async () => {
  let weight = 2;
  const [failure] = await runChecks(checksOf(() => scaling(weight++)));
  expect(String(failure?.error)).toMatch(/value 0 differs by [\d.]+, its largest is/);
});
