import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { pairMask } from './similarity.js';

beforeAll(() => tf.setBackend('cpu'));

describe('pairMask', () => {
  it('joins rows that share any of their numbers, and no further', () => {
    const ids = tf.tensor2d(
      [
        [0, 0],
        [1, 0],
        [1, 2],
        [-1, 3],
      ],
      [4, 2],
      'int32',
    );
    const { positive, valid } = pairMask(4, ids);
    expect(positive.arraySync()).toEqual([
      [1, 1, 0, 0],
      [1, 1, 1, 0],
      [0, 1, 1, 0],
      [0, 0, 0, 1],
    ]);
    expect([...valid!.dataSync()]).toEqual([1, 1, 1, 0]);
    expect(pairMask(3, tf.tensor1d([4, 5, 4], 'int32')).positive.arraySync()).toEqual([
      [1, 0, 1],
      [0, 1, 0],
      [1, 0, 1],
    ]);
  });
});
