import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { Conv2d, Embedding, Generator } from './index.js';

type Run = () => tf.Tensor;

/** Gradients of the weighted sum of what a layer gives, on one backend. */
async function gradientsOn(backend: string, make: () => { layer: { dispose(): void }; weight: tf.Variable; run: Run }) {
  await tf.setBackend(backend);
  await tf.ready();
  const { layer, weight, run } = make();
  const { value, grads } = tf.variableGrads(() => {
    const y = run();
    const weights = tf.tensor(new Generator(5).normal(y.size), y.shape);
    return tf.sum(tf.mul(y, weights));
  }, [weight]);
  const gradient = grads[weight.name]!;
  const data = Array.from(await gradient.data());
  const { shape } = gradient;
  tf.dispose([value, grads]);
  layer.dispose();
  return { shape, data };
}

const convolution = (size: number, kernel: number, stride: number, padding: number) => () => {
  const generator = new Generator(1);
  const layer = new Conv2d(3, 4, kernel, { generator, stride, padding });
  const x = tf.tensor4d(generator.normal(2 * size * size * 3), [2, size, size, 3]);
  return { layer, weight: layer.weight, run: () => layer.forward(x) };
};
const embedding = () => {
  const generator = new Generator(2);
  const layer = new Embedding(6, 5, { generator });
  const ids = tf.tensor2d([5, 0, 5, 2, 2, 5], [2, 3], 'int32');
  return { layer, weight: layer.weight, run: () => layer.forward(ids) };
};

describe('gradients on tfjs-backend-wasm, which lacks their kernels', () => {
  it.each([
    ['a padded convolution', convolution(7, 3, 1, 1)],
    ['a strided convolution', convolution(8, 3, 2, 1)],
    ['a strided convolution that leaves cells over', convolution(10, 3, 3, 0)],
    ['a pointwise convolution', convolution(5, 1, 1, 0)],
    ['a strided pointwise convolution', convolution(6, 1, 2, 0)],
    ['an embedding with repeated ids', embedding],
  ])('%s', async (_, make) => {
    const expected = await gradientsOn('cpu', make);
    const actual = await gradientsOn('wasm', make);
    expect(actual.shape).toEqual(expected.shape);
    const largest = Math.max(...expected.data.map(Math.abs));
    expected.data.forEach((value, i) => {
      expect(Math.abs(actual.data[i]! - value)).toBeLessThan(1e-5 * largest);
    });
  });

  it('leaves out ids that are out of range, and keeps no tensors', async () => {
    await tf.setBackend('wasm');
    embedding().run();
    const before = tf.memory().numTensors;
    const sums = tf.tidy(() =>
      tf.unsortedSegmentSum(tf.tensor2d([1, 2, 3, 4], [4, 1]), tf.tensor1d([1, -1, 1, 7], 'int32'), 3),
    );
    expect(Array.from(await sums.data())).toEqual([0, 4, 0]);
    sums.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
