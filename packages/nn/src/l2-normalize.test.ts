import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { l2Normalize } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

describe('l2Normalize', () => {
  it('gives unit vectors and keeps zeros', () => {
    const y = l2Normalize(tf.tensor2d([3, 4, 0, 0], [2, 2])).dataSync();
    expect([...y].map((v) => Math.round(v * 1e6) / 1e6)).toEqual([0.6, 0.8, 0, 0]);
  });

  it('has the gradient of x / |x|, and none at zero', () => {
    const r = tf.tensor2d([0.3, -1, 2, 5], [2, 2]);
    const gradient = tf.grad((x) => tf.sum(tf.mul(l2Normalize(x), r)));
    const [a, b, c, d] = gradient(tf.tensor2d([3, 4, 0, 0], [2, 2])).dataSync();
    // (r - u (u.r)) / |x| with u = (.6, .8)
    expect(a).toBeCloseTo((0.3 - 0.6 * (0.18 - 0.8)) / 5, 5);
    expect(b).toBeCloseTo((-1 - 0.8 * (0.18 - 0.8)) / 5, 5);
    expect([c, d]).toEqual([0, 0]);
  });

  it('works on rows so small that their squares are subnormal', () => {
    const y = l2Normalize(tf.tensor2d([1e-11, 0], [1, 2])).dataSync();
    expect(y[0]).toBeCloseTo(1, 4);
  });
});
