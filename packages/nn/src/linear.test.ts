import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { Generator, Linear } from './index.js';

const generator = () => new Generator(3);

describe('Linear', () => {
  it('is x W^T + b on the last axis', () => {
    const layer = new Linear(2, 3, { generator: generator() });
    layer.weight.assign(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]));
    layer.bias!.assign(tf.tensor1d([10, 20, 30]));
    const x = tf.tensor3d([1, 1, 0, 2], [2, 1, 2]);
    const y = layer.forward(x);
    expect(y.shape).toEqual([2, 1, 3]);
    expect([...y.dataSync()]).toEqual([13, 27, 41, 14, 28, 42]);
    expect(layer.forward(tf.tensor1d([1, 1])).shape).toEqual([3]);
    expect(layer.forward(tf.zeros([2, 3, 4, 2])).shape).toEqual([2, 3, 4, 3]);
  });

  it('has the gradients of finite differences', () => {
    const layer = new Linear(4, 3, { generator: generator() });
    checkGradients((x) => layer.forward(x), [randn([2, 5, 4], 1)]);
    const x = randn([2, 4], 2);
    const { grads } = tf.variableGrads(() => tf.sum(layer.forward(x)));
    const columnSums = tf.sum(x, 0).dataSync();
    expect(maxError(grads[layer.weight.name]!, [...columnSums, ...columnSums, ...columnSums])).toBeLessThan(1e-6);
    expect([...grads[layer.bias!.name]!.dataSync()]).toEqual([2, 2, 2]);
  });

  it("starts within torch's bound, with and without bias", () => {
    const layer = new Linear(64, 128, { generator: generator() });
    for (const values of [layer.weight.dataSync(), layer.bias!.dataSync()]) {
      expect(Math.max(...values)).toBeLessThan(1 / 8);
      expect(Math.max(...values)).toBeGreaterThan(0.9 / 8);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(-1 / 8);
    }
    const plain = new Linear(2, 3, { generator: generator(), bias: false });
    expect([...plain.namedParameters()].map(([name]) => name)).toEqual(['weight']);
  });

  it('says what does not fit', () => {
    const layer = new Linear(4, 3, { generator: generator() });
    expect(() => layer.forward(tf.zeros([2, 5]))).toThrow('nn.Linear: expected x of shape [d0,4], got [2,5]');
  });
});
