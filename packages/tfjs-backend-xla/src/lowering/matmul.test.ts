import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { record } from '../../test/recorder';
import { both, expectParity, floats, normal } from '../../test/run';
import { lowerProgram } from './index';

const SHAPES: readonly [string, number[], number[]][] = [
  ['matrices', [3, 4], [4, 5]],
  ['batches', [2, 3, 4], [2, 4, 5]],
  ['two axes of batches', [2, 3, 3, 4], [2, 3, 4, 5]],
  ['one matrix for all', [2, 3, 4], [4, 5]],
  ['one matrix against batches', [3, 4], [2, 4, 5]],
  ['a batch of one', [2, 3, 4], [1, 4, 5]],
  ['nothing to sum', [3, 0], [0, 5]],
];

describe.skipIf(!cpuPlugin)(`matrix products${reason}`, () => {
  it.each(SHAPES)('%s, either operand transposed', async (_, a, b) => {
    const swap = (shape: number[]) => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
    await expectParity((x, y) => tf.matMul(x, y), [normal(a), normal(b, 2)]);
    await expectParity((x, y) => tf.matMul(x, y, true), [normal(swap(a)), normal(b, 2)]);
    await expectParity((x, y) => tf.matMul(x, y, false, true), [normal(a), normal(swap(b), 2)]);
    await expectParity((x, y) => tf.matMul(x, y, true, true), [normal(swap(a)), normal(swap(b), 2)]);
  });

  it('with bias and activation, and NaN', async () => {
    const dense = (x: tf.Tensor, y: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.matMul({ a: x as tf.Tensor2D, b: y as tf.Tensor2D, bias, activation: 'relu' });
    await expectParity(dense, [normal([3, 4]), normal([4, 5], 2), normal([5], 3)]);
    await expectParity((x, y) => tf.matMul(x, y), [floats([1, Number.NaN, 2, 3], [2, 2]), normal([2, 2])]);
  });

  it('gradients', async () => {
    const loss = (x: tf.Tensor, y: tf.Tensor) => tf.sum(tf.square(tf.matMul(x, y)));
    await expectParity((x, y) => tf.grads(loss)([x, y]), [normal([2, 3, 4]), normal([2, 4, 5], 2)]);
  });

  it('sums products of bfloat16 in float32', async () => {
    const { ours, expected } = await both((x, y) => tf.matMul(x, y), [normal([16, 512]), normal([512, 16], 2)], {
      precision: 'bf16',
    });
    const largest = Math.max(...Array.from(expected[0]!, Math.abs));
    const worst = Math.max(...Array.from(ours[0]!, (x, i) => Math.abs(x - expected[0]![i]!)));
    expect(worst / largest).toBeLessThan(0.01);
    expect(worst / largest).toBeGreaterThan(1e-5);
  });
});

it('prints products by precision', () => {
  const specs = [[2, 3], [3, 4]].map((shape) => ({ shape, dtype: 'float32' as const })); // biome-ignore format: a table
  const { program } = record((x, y) => tf.relu(tf.matMul(tf.matMul(x, y), tf.transpose(y))), specs);
  expect(lowerProgram(program, { precision: 'f32', platform: 'cuda' }).text).toMatchSnapshot();
  expect(lowerProgram(program, { precision: 'tf32', platform: 'cuda' }).text).toContain(
    'precision = [DEFAULT, DEFAULT]',
  );
  expect(lowerProgram(program, { precision: 'tf32', platform: 'tpu' }).text).toContain('precision = [HIGH, HIGH]');
  expect(lowerProgram(program, { precision: 'bf16', platform: 'cuda' }).text).toMatchSnapshot();
});
