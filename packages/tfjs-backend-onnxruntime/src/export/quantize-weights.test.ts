import { Generator, LayerNorm, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { exportOnnx, runOnnx, useOnnxRuntime } from '../index.js';

beforeEach(() => {
  useOnnxRuntime();
});

const WIDTH = 64;

/** Tokens from a table through two layers. */
function tower() {
  const generator = new Generator(1);
  const table = tf.variable(tf.randomNormal([40, WIDTH], 0, 1, 'float32', 1));
  const linear = new Linear(WIDTH, 2 * WIDTH, { generator });
  const head = new Linear(2 * WIDTH, 4, { generator });
  const norm = new LayerNorm(WIDTH);
  const across = tf.variable(tf.randomNormal([WIDTH, WIDTH], 0, 0.1, 'float32', 2));
  return (ids: tf.Tensor) => {
    const tokens = norm.forward(tf.gather(table, ids));
    const mixed = tf.add(tf.matMul(tf.mean(tokens, 1), across as tf.Tensor2D), tf.mean(tokens, 1));
    return head.forward(tf.relu(linear.forward(mixed)));
  };
}

const options = {
  inputNames: ['ids'],
  outputNames: ['out'],
  dynamicAxes: { ids: { 0: 'batch', 1: 'length' } },
  int64Inputs: ['ids'],
} as const;

describe('exportOnnx with weights as int8', () => {
  it('is a quarter of the size, computes with integers, and nearly the same', () => {
    const fn = tower();
    const ids = tf.tensor2d([[1, 2, 39, 4], [7, 0, 3, 3]], [2, 4], 'int32'); // biome-ignore format: rows
    const [whole, small] = [exportOnnx(fn, [ids], options), exportOnnx(fn, [ids], { ...options, weights: 'int8' })];
    expect(small.toBytes().length).toBeLessThan(0.45 * whole.toBytes().length);
    const count = (op: string) => small.graph.nodes.filter(({ opType }) => opType === op).length;
    expect([count('MatMulInteger'), count('DynamicQuantizeLinear'), count('MatMul')]).toEqual([2, 2, 1]); // the head is small
    expect(small.graph.initializers.filter(({ dtype }) => dtype === 'int8').map(({ shape }) => shape)).toEqual([
      [40, WIDTH],
      [WIDTH, WIDTH],
      [WIDTH, 2 * WIDTH],
    ]);
    const { out: expected } = runOnnx(whole.toBytes(), { ids });
    const { out: got } = runOnnx(small.toBytes(), { ids });
    const largest = tf.max(tf.abs(expected!)).dataSync()[0]!;
    const distance = tf.max(tf.abs(tf.sub(got!, expected!))).dataSync()[0]! / largest;
    expect(distance).toBeGreaterThan(0);
    expect(distance).toBeLessThan(0.03);
  });

  it('takes columns of zeros, and refuses other weights', () => {
    const zeros = tf.variable(tf.zeros([WIDTH, WIDTH]));
    const x = tf.ones([2, WIDTH]) as tf.Tensor2D;
    const model = exportOnnx((x: tf.Tensor2D) => tf.matMul(x, zeros as tf.Tensor2D), [x], { weights: 'int8' });
    expect(runOnnx(model.toBytes(), { input_0: x }).output_0!.dataSync()).toEqual(new Float32Array(2 * WIDTH));
    expect(() => exportOnnx((x: tf.Tensor) => x, [x], { weights: 'int4' as 'int8' })).toThrow(/float32 or int8/);
  });
});
