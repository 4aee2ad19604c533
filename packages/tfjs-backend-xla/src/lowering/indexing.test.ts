import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { record } from '../../test/recorder';
import { type Argument, both, expectClose, expectParity, integers, normal, runProgram } from '../../test/run';
import { lowerProgram, type Platform } from './index';

const segmentSum = (segments: number) => (x: tf.Tensor, ids: tf.Tensor) =>
  tf.unsortedSegmentSum(x, ids as tf.Tensor1D, segments);

/** Ids of text: few of many, often the same ones, some out of range. */
const ids = (count: number, segments: number) =>
  integers(
    Array.from({ length: count }, (_, i) =>
      i % 11 === 3 ? -1 : i % 17 === 5 ? segments + 2 : Math.floor((i * i * 7) % segments ** 0.7),
    ),
  );

describe.skipIf(!cpuPlugin)(`indexing${reason}`, () => {
  it('gathers along any axis, by indices of any shape', async () => {
    for (const axis of [0, 1, 2]) {
      const gather = (x: tf.Tensor, i: tf.Tensor) => tf.gather(x, i as tf.Tensor1D, axis);
      await expectParity(gather, [normal([3, 4, 5]), integers([2, 0, 1, 1])], { tolerance: 0 });
      await expectParity(gather, [normal([3, 4, 5]), integers([2, 0, 1, 1, 0, 2], [2, 3])], { tolerance: 0 });
    }
    await expectParity((x, i) => tf.gatherND(x, i), [normal([3, 4, 5]), integers([2, 0, 1, 3, 0, 2], [3, 2])], {
      tolerance: 0,
    });
  });

  it('gives NaN for places that are not there', async () => {
    const { program, leaves } = record(
      (x, i) => [tf.gather(x, i as tf.Tensor1D), tf.gatherND(x, tf.expandDims(i, 1))],
      [
        { shape: [2, 2], dtype: 'float32' },
        { shape: [4], dtype: 'int32' },
      ],
    );
    const data = [Float32Array.of(1, 2, 3, 4), Int32Array.of(1, -1, 2, 0)];
    for (const found of await runProgram(program, (leaf) => data[leaves.indexOf(leaf)]!)) {
      expect(Array.from(found)).toEqual([3, 4, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 1, 2]);
    }
  });

  it('one-hot rows, none for ids out of range', async () => {
    const hot = (i: tf.Tensor) => [tf.oneHot(i, 4), tf.oneHot(i, 3, 5, -1, 'int32'), tf.oneHot(i, 3, 1, 0, 'bool')];
    await expectParity(hot, [integers([0, 3, -1, 2, 7, 1], [2, 3])], { tolerance: 0 });
  });

  it.each<[Platform, number]>([
    ['cpu', 7],
    ['cpu', 3000],
    ['cuda', 7],
    ['cuda', 3000],
    ['tpu', 3000],
  ])('sums rows by id as on %s, of %d segments', async (platform, segments) => {
    const check = async (x: Argument, i: Argument) => {
      const { ours, expected } = await both(segmentSum(segments), [x, i], { platform });
      expectClose(ours[0]!, expected[0]!, 2e-6);
    };
    await check(normal([300, 5]), ids(300, segments));
    await check(normal([33, 2, 3]), ids(33, segments));
    await check(normal([1, 4]), integers([2]));
    await check(normal([4]), integers([2, 2, 2, 2]));
    await check(normal([3, 2]), integers([-1, segments, -5]));
    await check(normal([0, 2]), integers([]));
  });

  it('has no scatter in the gradients of embeddings on GPUs', async () => {
    const embed = (x: tf.Tensor, i: tf.Tensor) => tf.sum(tf.square(tf.gather(x, i as tf.Tensor1D)));
    for (const [rows, scatters] of [
      [30522, false],
      [2, false],
    ] as const) {
      const { program } = record(
        (x, i) => tf.grad((y: tf.Tensor) => embed(y, i))(x),
        [
          { shape: [rows, 8], dtype: 'float32' },
          { shape: [64], dtype: 'int32' },
        ],
      );
      expect(lowerProgram(program, { precision: 'f32', platform: 'cuda' }).text.includes('scatter')).toBe(scatters);
      expect(lowerProgram(program, { precision: 'f32', platform: 'cpu' }).text).toContain('scatter');
    }
  });

  it('gradients of lookups', async () => {
    const loss = (i: tf.Tensor) => (x: tf.Tensor) => tf.sum(tf.square(tf.gather(x, i as tf.Tensor1D)));
    await expectParity((x, i) => tf.grad(loss(i))(x), [normal([6, 3]), integers([0, 5, 5, 2, 0], [5])]);
  });
});
