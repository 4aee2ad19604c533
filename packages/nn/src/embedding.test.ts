import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { Embedding, Generator } from './index.js';

const make = (paddingIdx?: number) => new Embedding(5, 3, { generator: new Generator(1), paddingIdx });
const ids = () => tf.tensor2d([0, 2, 2, 4], [2, 2], 'int32');

describe('Embedding', () => {
  it('looks rows up', () => {
    const layer = make();
    const rows = layer.weight.arraySync();
    const found = layer.forward(ids()).arraySync() as number[][][];
    expect(found).toEqual([
      [rows[0], rows[2]],
      [rows[2], rows[4]],
    ]);
  });

  it('adds up gradients of rows that are used more than once', () => {
    const layer = make();
    const { grads } = tf.variableGrads(() => tf.sum(layer.forward(ids())));
    const perRow = tf.sum(grads[layer.weight.name]!, 1).arraySync();
    expect(perRow).toEqual([3, 0, 6, 0, 3]);
  });

  it('keeps gradients from the padding row', () => {
    const layer = make(0);
    const { grads } = tf.variableGrads(() => tf.sum(layer.forward(ids())));
    const perRow = tf.sum(grads[layer.weight.name]!, 1).arraySync();
    expect(perRow).toEqual([0, 0, 6, 0, 3]);
  });

  it('refuses ids that are not int32', () => {
    expect(() => make().forward(tf.ones([2]))).toThrow(/ids of dtype int32, got float32/);
  });
});
