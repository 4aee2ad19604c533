import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { bools, expectParity, floats, integers, normal } from '../../test/run';

const exact = { tolerance: 0 };

describe.skipIf(!cpuPlugin)(`kernels that move elements${reason}`, () => {
  const x = normal([4, 5, 6]);

  it('reshape, transpose, reverse, tile', async () => {
    const moves = (a: tf.Tensor) => [
      tf.transpose(a, [2, 0, 1]), tf.transpose(tf.reshape(a, [20, 6])), tf.reverse(a, [0, 2]), tf.reverse(a, []),
      tf.tile(a, [2, 1, 3]), tf.expandDims(a, 1), tf.squeeze(tf.slice(a, 0, 1)),
    ]; // biome-ignore format: a table
    await expectParity(moves, [x], exact);
  });

  it('slices, with strides, backwards, and of nothing', async () => {
    const slices = (a: tf.Tensor) => [
      tf.slice(a, [1, 0, 2], [2, 5, 3]), tf.slice(a, [0, 0, 0], [0, 5, 6]),
      tf.stridedSlice(a, [0, 1, 0], [4, 5, 6], [2, 3, 1]),
      tf.stridedSlice(a, [-1, 4, 5], [-5, -6, 0], [-1, -2, -2]),
      tf.stridedSlice(a, [3, 0, 0], [0, 5, 6], [-1, 2, 5]),
      tf.stridedSlice(a, [1, 1, 1], [2, 3, 4], [1, 1, 1], 0, 0, 0, 0, 1),
      tf.stridedSlice(a, [2, 1, 1], [2, 3, 4], [1, 1, 1]),
    ]; // biome-ignore format: a table
    await expectParity(slices, [x], exact);
  });

  it('concatenations, stacks and their parts', async () => {
    await expectParity(
      (a, b) => [tf.concat([a, b, a], 1), tf.stack([a, a], 2), ...tf.split(a, [1, 3], 0), ...tf.unstack(a, 1)],
      [x, normal([4, 2, 6], 2)],
      exact,
    );
  });

  it('paddings, constant and mirrored', async () => {
    const pads = (a: tf.Tensor) => [
      tf.pad(a, [[1, 0], [0, 2], [3, 1]], 7), tf.pad(a, [[0, 0], [1, 1], [0, 0]], Number.NEGATIVE_INFINITY),
      tf.mirrorPad(a, [[1, 2], [0, 3], [2, 2]], 'reflect'), tf.mirrorPad(a, [[1, 4], [0, 3], [2, 2]], 'symmetric'),
    ]; // biome-ignore format: a table
    await expectParity(pads, [x], exact);
    await expectParity((a) => [tf.pad(a, [[1, 1]], 5)], [integers([1, 2])], exact);
    await expectParity((a) => [tf.transpose(a), tf.concat([a, a], 0)], [bools([0, 1, 1, 0, 0, 1], [2, 3])], exact);
  });

  it('blocks of space and batch', async () => {
    const image = normal([4, 4, 6, 8]);
    const blocks = (a: tf.Tensor) => [
      tf.spaceToBatchND(a, [2, 2], [[0, 0], [2, 0]]), tf.batchToSpaceND(a, [2, 2], [[0, 1], [1, 0]]),
      tf.depthToSpace(a as tf.Tensor4D, 2, 'NHWC'),
    ]; // biome-ignore format: a table
    await expectParity(blocks, [image], exact);
  });

  it('of nothing', async () => {
    await expectParity(
      (a) => [
        tf.transpose(a),
        tf.reshape(a, [3, 0]),
        tf.tile(a, [2, 1]),
        tf.pad(
          a,
          [
            [1, 1],
            [0, 0],
          ],
          2,
        ),
      ],
      [floats([], [0, 3])],
      exact,
    );
  });

  it('gradients', async () => {
    const loss = (a: tf.Tensor) =>
      tf.sum(
        tf.mul(
          tf.pad(tf.slice(a, [1, 0, 1], [2, 5, 4]), [
            [0, 1],
            [0, 0],
            [1, 0],
          ]),
          tf.tile(tf.slice(a, [0, 0, 0], [1, 5, 5]), [3, 1, 1]),
        ),
      );
    await expectParity((a) => tf.grad(loss as never)(a), [x]);
  });
});
