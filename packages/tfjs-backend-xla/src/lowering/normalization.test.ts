import '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { both, expectParity, floats, normal } from '../../test/run';

/** Layer normalisation as nn writes it. */
const layerNorm = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => {
  const mean = tf.mean(x, -1, true);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), scale), shift);
};

/** Batch normalisation in training, with the statistics. */
const batchNorm = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => {
  const mean = tf.mean(x, [0, 1, 2]);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), [0, 1, 2]);
  const normalized = tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5)));
  return [tf.add(tf.mul(normalized, scale), shift), mean, variance] as const;
};

describe.skipIf(!cpuPlugin)(`normalisations${reason}`, () => {
  it('softmax and its logarithm, of large numbers and none', async () => {
    const both = (x: tf.Tensor) => [tf.softmax(x), tf.logSoftmax(x)];
    await expectParity(both, [normal([3, 4, 7], 1, 10)]);
    await expectParity(both, [floats([1e4, 1e4 + 1, 0, -1e30, 5, 5], [2, 3])]);
    await expectParity(both, [floats([1, Number.NEGATIVE_INFINITY, 2, Number.NaN, 1, 0], [2, 3])]);
    await expectParity((x) => tf.grad((y: tf.Tensor) => tf.sum(tf.square(tf.softmax(y))))(x), [normal([3, 7])]);
    await expectParity((x) => tf.grad((y: tf.Tensor) => tf.sum(tf.square(tf.logSoftmax(y))))(x), [normal([3, 7])]);
  });

  it('layers, as one operation', async () => {
    const args = [normal([2, 5, 8], 1, 3), normal([8], 2), normal([8], 3)];
    await expectParity(layerNorm, args);
    const loss = (...xs: tf.Tensor[]) => tf.sum(tf.sin(layerNorm(xs[0]!, xs[1]!, xs[2]!)));
    await expectParity((...xs) => tf.grads(loss)(xs), args, { tolerance: 2e-5 });
    const { program } = await both(layerNorm, args, { passes: true });
    expect(program.nodes.map(({ op }) => op)).toContain('LayerNorm');
  });

  it('batches, as one operation', async () => {
    const args = [normal([3, 4, 5, 6], 1, 3), normal([6], 2), normal([6], 3)];
    await expectParity((x, scale, shift) => [...batchNorm(x, scale, shift)], args);
    const loss = (...xs: tf.Tensor[]) => tf.sum(tf.sin(batchNorm(xs[0]!, xs[1]!, xs[2]!)[0]));
    await expectParity((...xs) => tf.grads(loss)(xs), args, { tolerance: 2e-5 });
    const { program } = await both((x, a, b) => [...batchNorm(x, a, b)], args, { passes: true });
    expect(program.nodes.map(({ op }) => op)).toContain('BatchNormTrain');
  });

  it('with given statistics, in any rank', async () => {
    const inference = (x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, shift: tf.Tensor, scale: tf.Tensor) => [
      tf.batchNorm(x, mean as tf.Tensor1D, tf.abs(variance) as tf.Tensor1D, shift as tf.Tensor1D, scale as tf.Tensor1D),
      tf.batchNorm(x, mean as tf.Tensor1D, tf.abs(variance) as tf.Tensor1D),
    ];
    const vectors = [2, 3, 4, 5].map((seed) => normal([6], seed));
    await expectParity(inference, [normal([2, 3, 4, 6]), ...vectors]);
    await expectParity(inference, [normal([4, 6]), ...vectors]);
  });
});
