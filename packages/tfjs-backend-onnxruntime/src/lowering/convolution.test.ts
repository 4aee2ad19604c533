import '@diptych/nn';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useOnnxRuntime } from '../register.js';

beforeAll(() => {
  useOnnxRuntime({ forceNative: true });
});

type Sides = [[number, number], [number, number]];

const pad = (x: tf.Tensor4D, [rows, columns]: Sides, value = 0) => tf.pad(x, [[0, 0], rows, columns, [0, 0]], value);

/** Values and all gradients of a function of two tensors, on one backend. */
async function run(backend: string, shapes: number[][], f: (...inputs: tf.Tensor4D[]) => tf.Tensor) {
  await tf.setBackend(backend);
  const inputs = shapes.map((shape, i) =>
    tf.randomNormal(shape as [number, number, number, number], 0, 1, 'float32', i + 1),
  );
  const weighted = (...xs: tf.Tensor4D[]) => {
    const y = f(...xs);
    return tf.sum(tf.mul(y, tf.randomNormal(y.shape, 0, 1, 'float32', 9)));
  };
  const { value, grads } = tf.valueAndGrads(weighted as (...xs: tf.Tensor[]) => tf.Tensor)(inputs);
  const results = await Promise.all([value, ...grads].map((tensor) => tensor.data()));
  tf.dispose([value, grads, inputs]);
  return results.map((data) => Array.from(data));
}

const convolve = (sides: Sides, stride: number) => (x: tf.Tensor4D, w: tf.Tensor4D) =>
  tf.conv2d(pad(x, sides), w, stride, 'valid');
const cases: [string, number[][], (...xs: tf.Tensor4D[]) => tf.Tensor][] = [
  ['3x3 convolution', [[2, 9, 8, 3], [3, 3, 3, 4]], convolve([[1, 1], [1, 1]], 1)],
  ['3x3 convolution of a large image', [[1, 30, 30, 2], [3, 3, 2, 3]], convolve([[1, 1], [1, 1]], 1)],
  ['strided convolution that leaves cells over', [[2, 10, 10, 3], [3, 3, 3, 4]], convolve([[1, 1], [1, 1]], 2)],
  ['strided convolution, uneven sides', [[2, 8, 9, 3], [3, 3, 3, 4]], convolve([[0, 1], [2, 1]], 2)],
  ['7x7 convolution with stride 2', [[1, 14, 14, 3], [7, 7, 3, 4]], convolve([[3, 3], [3, 3]], 2)],
  ['few channels, cells left over', [[2, 10, 9, 3], [3, 3, 3, 4]], convolve([[0, 0], [0, 0]], 2)],
  ['many channels, strided', [[2, 12, 12, 10], [3, 3, 10, 6]], convolve([[1, 1], [1, 1]], 2)],
  ['thin and strided', [[2, 29, 30, 32], [3, 3, 32, 16]], convolve([[1, 1], [1, 0]], 2)],
  ['many channels, strided, large image', [[1, 57, 58, 10], [3, 3, 10, 6]], convolve([[1, 1], [1, 1]], 2)],
  ['many channels, medium image', [[1, 15, 15, 10], [3, 3, 10, 6]], convolve([[1, 1], [1, 1]], 1)],
  ['many channels, large image', [[1, 28, 29, 32], [3, 3, 32, 16]], convolve([[1, 1], [1, 1]], 1)],
  ['many channels, large image, uneven sides', [[2, 30, 28, 16], [3, 3, 16, 32]], convolve([[0, 1], [2, 0]], 1)],
  ['many channels, small image', [[2, 7, 7, 32], [3, 3, 32, 48]], convolve([[1, 1], [1, 1]], 1)],
  ['many channels, small image, uneven sides', [[2, 8, 9, 32], [3, 3, 32, 16]], convolve([[0, 2], [1, 0]], 1)],
  ['depthwise convolution', [[2, 7, 7, 3], [3, 3, 3, 2]], (x, w) => tf.depthwiseConv2d(pad(x, [[1, 1], [1, 1]]), w, 2, 'valid')],
  ['max pooling', [[2, 9, 8, 3]], (x) => tf.maxPool(pad(x, [[1, 1], [1, 0]], Number.NEGATIVE_INFINITY), 3, 2, 'valid')],
  ['max pooling over zeros', [[2, 9, 8, 3]], (x) => tf.maxPool(pad(x, [[1, 1], [1, 0]]), 3, 2, 'valid')],
]; // biome-ignore format: a table

describe('convolutions and poolings', () => {
  it.each(cases)('%s has the values and gradients of the portable kernels', async (_, shapes, f) => {
    const ours = await run('onnxruntime', shapes, f);
    const expected = await run('cpu', shapes, f);
    ours.forEach((values, i) => {
      const largest = Math.max(...expected[i]!.map(Math.abs));
      values.forEach((value, j) => {
        expect(Math.abs(value - expected[i]![j]!)).toBeLessThan(1e-5 * largest);
      });
    });
  });
});
