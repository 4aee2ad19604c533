import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { bools, expectParity, floats, integers, normal } from '../../test/run';

const AXES: readonly (number | number[] | undefined)[] = [undefined, 0, 1, -1, [0, 2], [0, 1, 2]];

const folds: Readonly<Record<string, (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor>> = {
  sum: tf.sum, mean: tf.mean, max: tf.max, min: tf.min, prod: tf.prod,
}; // biome-ignore format: a table

describe.skipIf(!cpuPlugin)(`reductions${reason}`, () => {
  it.each(Object.keys(folds))('%s along any axes, kept or not', async (name) => {
    const fold = folds[name]!;
    const every = (x: tf.Tensor) => AXES.flatMap((axis) => [fold(x, axis), fold(x, axis, true)]);
    await expectParity(every, [normal([3, 4, 5])]);
    await expectParity((x) => fold(x), [normal([])]);
    await expectParity(
      (x) => [fold(x, 1), fold(x)],
      [floats([1, Number.NaN, 3, 4, 5, Number.POSITIVE_INFINITY], [2, 3])],
    );
    await expectParity((x) => fold(x, 0), [floats([], [0, 3])]);
  });

  it('of whole numbers', async () => {
    const x = integers([3, -1, 7, 2 ** 31 - 1, 1, -5], [2, 3]);
    await expectParity((a) => [tf.sum(a, 0), tf.max(a, 1), tf.min(a), tf.argMax(a, 1), tf.argMin(a, 0)], [x], {
      tolerance: 0,
    });
  });

  it('of truth', async () => {
    const x = bools([0, 1, 1, 1, 0, 0], [2, 3]);
    await expectParity((a) => [tf.all(a), tf.any(a), tf.all(a, 1), tf.any(a, 0, true), tf.sum(a, 1)], [x], {
      tolerance: 0,
    });
  });

  it('places of extremes: the first of equal ones, and NaN only where it comes first', async () => {
    const x = floats(
      [1, 3, 3, 2, Number.NaN, 5, 5, 1, 0, Number.NaN, 7, 7, -1, -1, -1, -1].concat(Array(4).fill(Number.NaN)),
      [5, 4],
    );
    await expectParity((a) => [tf.argMax(a, 1), tf.argMin(a, 1), tf.argMax(a, 0), tf.argMin(a, 0)], [x], {
      tolerance: 0,
    });
    const infinite = floats([-Infinity, -Infinity, Infinity, Infinity, Infinity, -Infinity], [3, 2]);
    await expectParity((a) => [tf.argMax(a, 1), tf.argMin(a, 1)], [infinite], { tolerance: 0 });
  });

  it('running sums, from both ends, without the last', async () => {
    const all = (x: tf.Tensor) =>
      [0, 1].flatMap((axis) => [true, false].flatMap((a) => [true, false].map((b) => tf.cumsum(x, axis, a, b))));
    await expectParity(all, [normal([5, 13])]);
    await expectParity(all, [integers([1, 2, 3, 4, 5, 6], [2, 3])], { tolerance: 0 });
  });

  it('the largest, the first of equal ones first', async () => {
    const topk = (x: tf.Tensor) => {
      const { values, indices } = tf.topk(x, 3);
      return [values, indices];
    };
    await expectParity(topk, [normal([4, 9])]);
    await expectParity(topk, [floats([1, 5, 5, 2, 5, 5, 0, 0, 0, 0], [2, 5])], { tolerance: 0 });
  });

  it('sums of squares of several tensors', async () => {
    const sums = (...xs: tf.Tensor[]) =>
      tf.getBackend() === 'cpu'
        ? tf.stack(xs.map((x) => tf.sum(tf.square(x))))
        : (tf.engine().runKernel('SumsOfSquares', Object.fromEntries(xs.entries()) as never) as tf.Tensor);
    await expectParity(sums, [normal([3, 4]), normal([5], 2), normal([], 3)]);
  });

  it('gradients', async () => {
    const loss = (x: tf.Tensor) => tf.sum(tf.mul(tf.mean(tf.square(x), 1, true), tf.max(x, 0)));
    await expectParity((x) => tf.grad(loss as never)(x), [normal([4, 6])]);
    await expectParity(
      (x) => tf.grad(((y: tf.Tensor) => tf.sum(tf.square(tf.cumsum(y, 1)))) as never)(x),
      [normal([4, 6])],
    );
  });
});
