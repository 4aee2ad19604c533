import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { expect, it } from 'vitest';
import { withGradient } from './index.js';

it('gives the value, and the gradients that it was told, from what was saved', () => {
  const scaled = (x: tf.Tensor1D, factor: tf.Scalar) =>
    withGradient([x, factor], (save, rows, by) => {
      save([rows]);
      // ten times what it is, to be told from tfjs's own
      const gradFunc = (dy: tf.Tensor, [kept]: tf.Tensor[]) => [tf.mul(dy, 10), tf.sum(tf.mul(dy, kept!))];
      return { value: tf.mul(rows, by), gradFunc };
    });
  const x = tf.tensor1d([1, 2]);
  const factor = tf.scalar(3);
  expect([...scaled(x, factor).dataSync()]).toEqual([3, 6]);
  const [dx, dFactor] = tf.grads(scaled as (...args: tf.Tensor[]) => tf.Tensor)([x, factor]);
  expect([...dx!.dataSync()]).toEqual([10, 10]);
  expect(dFactor!.dataSync()[0]).toBe(3);
});
