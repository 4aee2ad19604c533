import type { Program } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { optimized, record, type Spec } from '../../test/recorder';
import { lowerProgram } from './index';

const f32 = (...shape: number[]): Spec => ({ shape, dtype: 'float32' });

/** Lines of a program in bfloat16 that have an operation, by name. */
const linesOf = (program: Program, operation: string, options: object = {}) =>
  lowerProgram(program, { precision: 'bf16', platform: 'cuda', ...options })
    .text.split('\n')
    .filter((line) => line.includes(operation));

/** A residual block: convolutions, batch normalisation in training, ReLU, an addition. */
function block(x: tf.Tensor, first: tf.Tensor, second: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) {
  const convolve = (y: tf.Tensor, w: tf.Tensor) => tf.conv2d(y as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
  const norm = (y: tf.Tensor) => {
    const mean = tf.mean(y, [0, 1, 2]);
    const centred = tf.sub(y, mean);
    const variance = tf.mean(tf.square(centred), [0, 1, 2]);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), scale), shift);
  };
  const y = tf.relu(norm(convolve(x, first)));
  return tf.relu(tf.add(norm(convolve(y, second)), y));
}

const BLOCK = [f32(2, 6, 6, 4), f32(3, 3, 4, 4), f32(3, 3, 4, 4), f32(4), f32(4)];

describe('bfloat16', () => {
  it('is what convolutions take and give, and what is kept of images between them', () => {
    const loss = (...w: tf.Tensor[]) => tf.sum(tf.square(block(w[0]!, w[1]!, w[2]!, w[3]!, w[4]!)));
    const { program } = record((x, ...w) => tf.grads((...v: tf.Tensor[]) => loss(x, ...v))(w), BLOCK);
    const convolutions = linesOf(optimized(program), 'stablehlo.convolution');
    expect(convolutions).toHaveLength(5); // forward twice, back to the filters twice, back to the image between them once
    for (const line of convolutions) expect(line).not.toContain('f32>');
    const kept = lowerProgram(optimized(program), { precision: 'bf16', platform: 'cuda' }).text.match(
      /-> tensor<2x6x6x4xbf16>/g,
    );
    expect(kept!.length).toBeGreaterThan(5);
  });

  it('never adds up: sums and means are float32', () => {
    const { program } = record((...x) => block(x[0]!, x[1]!, x[2]!, x[3]!, x[4]!), BLOCK);
    const folds = linesOf(optimized(program), 'stablehlo.reduce(');
    expect(folds.length).toBe(4);
    for (const line of folds) expect(line).not.toContain('bf16');
  });

  it('is not widened by a bias, a mask or a mean', () => {
    const dense = (x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor, state: tf.Tensor) => {
      const y = tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), bias));
      const drawn = tf.engine().runKernel('PhiloxUniform', { state }, { shape: [8, 16], site: 1 }) as tf.Tensor;
      const dropped = tf.mul(y, tf.mul(tf.cast(tf.greaterEqual(drawn, 0.1), 'float32'), 1 / 0.9));
      return tf.matMul(tf.sub(dropped, tf.mean(dropped, 1, true)) as tf.Tensor2D, w as tf.Tensor2D, false, true);
    };
    const specs: Spec[] = [f32(8, 16), f32(16, 16), f32(16), { shape: [3], dtype: 'int32' }];
    const { program } = record(dense, specs);
    const text = lowerProgram(optimized(program), { precision: 'bf16', platform: 'cuda' }).text;
    const second = linesOf(optimized(program), 'dot_general')[1]!;
    const operand = /dot_general (%\d+)/.exec(second)![1]!;
    // what the second product takes was already bfloat16: the subtraction's result is converted once
    expect(text).toContain(`${operand} = stablehlo.convert`);
    expect(text.split('\n').find((line) => line.includes(`${operand} = `))).toContain('-> tensor<8x16xbf16>');
  });

  it('ends where a loss or an update reads: logits are float32 sums', () => {
    const logits = (a: tf.Tensor, b: tf.Tensor, scale: tf.Tensor) =>
      tf.mean(
        tf.logSoftmax(tf.mul(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true), tf.exp(scale)) as tf.Tensor2D),
      );
    const { program } = record(logits, [f32(4, 8), f32(4, 8), f32()]);
    const text = lowerProgram(optimized(program), { precision: 'bf16', platform: 'cuda' }).text;
    expect(text).toContain('-> tensor<4x4xf32>');
    expect(text).not.toContain('tensor<4x4xbf16>');
  });

  it('stays inside: inputs and outputs are float32', () => {
    const { program } = record((x, w) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), [f32(4, 8), f32(8, 2)]);
    const { text } = lowerProgram(program, { precision: 'bf16', platform: 'tpu' });
    expect(text).toContain('@main(%arg0: tensor<4x8xf32>, %arg1: tensor<8x2xf32>) -> (tensor<4x2xf32>)');
  });
});
