import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { Generator, gelu, Mlp, ones, randomStream, tokenAt, zeros } from './index.js';

const options = { generator: new Generator(1), intermediateSize: 5 };

it('is two linear layers with an activation between', () => {
  const mlp = new Mlp(3, { ...options, outFeatures: 4 });
  const x = randn<tf.Rank.R3>([2, 3, 3], 1);
  const expected = mlp.fc2.forward(gelu(mlp.fc1.forward(x)));
  expect(expected.shape).toEqual([2, 3, 4]);
  expect(maxError(mlp.forward(x), expected.dataSync())).toBe(0);
  checkGradients((input) => mlp.forward(input), [x]);
});

it('starts as it is told, and drops in training alone', () => {
  const mlp = new Mlp(3, { ...options, activation: 'relu', init: ones, biasInit: zeros, dropout: 0.5 });
  mlp.bindPaths('mlp');
  const x = tf.ones<tf.Rank.R2>([4, 3]);
  expect([...mlp.forward(x).dataSync()]).toEqual(Array(12).fill(15));
  const dropped = mlp.forward(x, { training: true, random: randomStream(1, 2) }).dataSync();
  expect(new Set(dropped)).toEqual(new Set([0, 30]));
});

it('takes one token of each row', () => {
  expect(tokenAt(tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]), 1).arraySync()).toEqual([[3, 4], [7, 8]]); // biome-ignore format: rows
});
