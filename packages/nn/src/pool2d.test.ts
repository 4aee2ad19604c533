import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { avgPool2d, maxPool2d } from './index.js';

/** One picture of one channel. */
const picture = (rows: number[][]) => tf.tensor4d(rows.flat(), [1, rows.length, rows[0]!.length, 1]);
const plain = (x: tf.Tensor4D) => tf.squeeze(x, [0, 3]).arraySync();

// 5 x 5 with the numbers -1 .. -25: padding with zeros would win every maximum at the border
const negative = picture([0, 1, 2, 3, 4].map((y) => [1, 2, 3, 4, 5].map((x) => -(5 * y + x))));

describe('maxPool2d', () => {
  // expected values: torch.nn.functional.max_pool2d
  it('pads with -Infinity on every side', () => {
    expect(plain(maxPool2d(negative, 3, { stride: 2, padding: 1 }))).toEqual([
      [-1, -2, -4],
      [-6, -7, -9],
      [-16, -17, -19],
    ]);
  });

  it('steps by its kernel and drops the rest, or keeps it in ceil mode', () => {
    expect(plain(maxPool2d(negative, 2))).toEqual([
      [-1, -3],
      [-11, -13],
    ]);
    expect(plain(maxPool2d(negative, 2, { ceilMode: true }))).toEqual([
      [-1, -3, -5],
      [-11, -13, -15],
      [-21, -23, -25],
    ]);
  });

  it('drops a ceil-mode window that would lie in the padding alone', () => {
    expect(maxPool2d(randn([1, 4, 4, 2], 1), 2, { stride: 3, padding: 1, ceilMode: true }).shape).toEqual([1, 2, 2, 2]);
  });

  it('has the gradients of finite differences', () => {
    checkGradients((x) => maxPool2d(x as tf.Tensor4D, 3, { stride: 2, padding: 1 }), [randn([2, 6, 5, 3], 1)], {
      step: 1e-3,
    });
  });

  it('refuses more padding than half the kernel, and windows larger than the picture', () => {
    expect(() => maxPool2d(negative, 3, { padding: 2 })).toThrow(/at most half the kernel \(3\), got 2/);
    expect(() => maxPool2d(negative, 7)).toThrow(/padded size of at least the kernel \(7\)/);
  });
});

describe('avgPool2d', () => {
  const ones = picture([1, 1, 1].map(() => [1, 1, 1]));

  // expected values: torch.nn.functional.avg_pool2d
  it('counts padding as zeros, or not at all', () => {
    const close = (x: tf.Tensor4D, expected: number[]) => expect(maxError(x, expected)).toBeLessThan(1e-6);
    close(avgPool2d(ones, 3, { stride: 2, padding: 1 }), [4 / 9, 4 / 9, 4 / 9, 4 / 9]);
    close(avgPool2d(ones, 3, { stride: 2, padding: 1, countIncludePad: false }), [1, 1, 1, 1]);
  });

  it('does not count what ceil mode adds beyond the padding', () => {
    expect(maxError(avgPool2d(ones, 2, { ceilMode: true }), [1, 1, 1, 1])).toBeLessThan(1e-6);
    // size 4, padding 1, kernel 3, stride 2: the last window holds 2 cells of the picture and 1 of padding
    const row = picture([1, 2, 3, 4].map((v) => [v, v, v, v]));
    const out = avgPool2d(row, 3, { stride: 2, padding: 1, ceilMode: true });
    expect(out.shape).toEqual([1, 3, 3, 1]);
    expect(maxError(tf.slice(out, [0, 2, 1, 0], [1, 1, 1, 1]), [(4 * 3) / 6])).toBeLessThan(1e-6);
  });

  it('has the gradients of finite differences', () => {
    const input = () => [randn([2, 5, 6, 2], 1)];
    checkGradients((x) => avgPool2d(x as tf.Tensor4D, 3, { stride: 2, padding: 1 }), input());
    checkGradients(
      (x) => avgPool2d(x as tf.Tensor4D, 3, { stride: 2, padding: 1, countIncludePad: false, ceilMode: true }),
      input(),
    );
  });
});
