import '@tensorflow/tfjs-backend-cpu';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { ridgeMap } from './ridge.js';

beforeAll(() => tf.setBackend('cpu'));

describe('ridgeMap', () => {
  it('finds an affine map that is there', async () => {
    const generator = new Generator(1);
    const x = { data: generator.normal(50 * 4), shape: [50, 4] as const };
    const weight = tf.tensor2d(generator.normal(12), [4, 3]);
    const y = tf.add(tf.matMul(tf.tensor2d(x.data, [50, 4]), weight), [5, -3, 1]);
    const target = { data: y.dataSync() as Float32Array, shape: [50, 3] as const };
    const map = await ridgeMap(x, target, 1e-7);
    const [predicted, wanted] = [await map.predict(x), map.centre(target)];
    expect(predicted.shape).toEqual([50, 3]);
    for (const [i, value] of predicted.data.entries()) expect(value).toBeCloseTo(wanted.data[i]!, 4);
  });

  it('solves the penalised normal equations', async () => {
    const x = { data: Float32Array.of(1, 0, -1, 0, 0, 2, 0, -2), shape: [4, 2] as const };
    const y = { data: Float32Array.of(3, -3, 4, -4), shape: [4, 1] as const };
    // X'X = diag(2, 8), X'Y = (6, 16), ridge 0.4 * 10 / 2 = 2: W = (6 / 4, 16 / 10)
    const { data } = await (await ridgeMap(x, y, 0.4)).predict({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
    expect(data[0]).toBeCloseTo(1.5, 5);
    expect(data[1]).toBeCloseTo(1.6, 5);
  });

  it('predicts the centre from vectors that are all the same, and refuses unequal rows', async () => {
    const same = { data: new Float32Array(6).fill(2), shape: [3, 2] as const };
    const y = { data: Float32Array.of(1, 2, 3), shape: [3, 1] as const };
    expect([...(await (await ridgeMap(same, y)).predict(same)).data]).toEqual([0, 0, 0]);
    await expect(ridgeMap(same, { data: y.data.subarray(0, 2), shape: [2, 1] })).rejects.toThrow(/3 rows of y/);
  });
});
