import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { expectParity, floats, normal } from '../../test/run';

type Pad = 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];
type Convolution = [string, number[], number[], number | [number, number], Pad, (number | [number, number])?];

const EXPLICIT: Pad = [[0, 0], [1, 2], [0, 3], [0, 0]]; // biome-ignore format: a table

const cases: Convolution[] = [
  ['3x3 same', [2, 7, 8, 3], [3, 3, 3, 4], 1, 'same'],
  ['3x3 strided, same', [2, 7, 8, 3], [3, 3, 3, 4], 2, 'same'],
  ['3x3 strided, cells left over', [2, 8, 9, 3], [3, 3, 3, 4], 3, 'valid'],
  ['1x1', [2, 5, 5, 3], [1, 1, 3, 6], 1, 'valid'],
  ['1x1 strided', [2, 5, 6, 3], [1, 1, 3, 6], 2, 'valid'],
  ['7x7 stem', [1, 16, 16, 3], [7, 7, 3, 4], 2, 'same'],
  ['patches', [1, 8, 8, 3], [4, 4, 3, 5], 4, 'valid'],
  ['dilated', [1, 9, 9, 2], [3, 3, 2, 3], 1, 'same', 2],
  ['dilated, valid, uneven', [1, 9, 10, 2], [3, 2, 2, 3], 1, 'valid', [2, 3]],
  ['strides of two kinds', [1, 9, 10, 2], [3, 2, 2, 3], [2, 3], 'valid'],
  ['explicit padding', [1, 6, 7, 2], [3, 3, 2, 3], 1, EXPLICIT],
  ['one number of padding', [1, 6, 7, 2], [3, 3, 2, 3], 2, 1],
]; // biome-ignore format: a table

const weighted =
  (f: (...xs: tf.Tensor[]) => tf.Tensor) =>
  (...xs: tf.Tensor[]) => {
    const y = f(...xs);
    const weights = tf.tensor(
      Float32Array.from({ length: y.size }, (_, i) => Math.sin(i)),
      y.shape,
    );
    return tf.sum(tf.mul(y, weights));
  };

describe.skipIf(!cpuPlugin)(`convolutions and poolings${reason}`, () => {
  it.each(cases)('%s', async (_, image, filter, strides, pad, dilations = 1) => {
    const convolve = (x: tf.Tensor, w: tf.Tensor) =>
      tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad as 'same', 'NHWC', dilations);
    const args = [normal(image), normal(filter, 2)];
    await expectParity(convolve, args);
    // tfjs has no gradients of dilated convolutions
    if (dilations === 1) await expectParity((x, w) => tf.grads(weighted(convolve))([x, w]), args);
  });

  it.each(cases.filter(([, image, , strides]) => image[3]! < 4 && typeof strides === 'number'))(
    'depthwise: %s',
    async (_, image, filter, strides, pad, dilations = 1) => {
      const convolve = (x: tf.Tensor, w: tf.Tensor) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad as 'same', 'NHWC', dilations);
      const args = [normal(image), normal([...filter.slice(0, 3), 2], 2)];
      await expectParity(convolve, args);
      if (dilations === 1) await expectParity((x, w) => tf.grads(weighted(convolve))([x, w]), args);
    },
  );

  it('with bias and activation', async () => {
    const convolve = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter: filter as tf.Tensor4D,
        strides: 1,
        pad: 'same',
        bias,
        activation: 'relu6',
      });
    await expectParity(convolve, [normal([1, 5, 5, 2]), normal([3, 3, 2, 3], 2), normal([3], 3)]);
  });

  it('of no images', async () => {
    const convolve = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
    await expectParity(convolve, [floats([], [0, 5, 5, 2]), normal([3, 3, 2, 3])]);
  });

  const pools: [string, number, number, Pad][] = [
    ['2x2', 2, 2, 'valid'], ['3x3 over 2, same', 3, 2, 'same'], ['3x3 over 2, valid', 3, 2, 'valid'], ['windows that leave cells out', 2, 3, 'valid'],
    ['3x3 over 1', 3, 1, 'same'], ['padding of one', 3, 2, 1],
  ]; // biome-ignore format: a table

  it.each(pools)('pools: %s', async (_, size, strides, pad) => {
    const max = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, size, strides, pad as 'same');
    const average = (x: tf.Tensor) => tf.avgPool(x as tf.Tensor4D, size, strides, pad as 'same');
    const image = normal([2, 8, 7, 3]);
    await expectParity((x) => [max(x), average(x)], [image]);
    await expectParity((x) => tf.grad(weighted(max))(x), [image]);
    // tfjs-backend-cpu divides gradients by the whole window where part of it lies in the padding
    if (pad === 'valid') await expectParity((x) => tf.grad(weighted(average))(x), [image]);
  });

  it('gives the gradient of equal cells to the first, of NaN to none', async () => {
    const max = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, 3, 2, 'same');
    const flat = floats(
      Array.from({ length: 36 }, (_, i) => [1, 1, 0, Number.NaN, 2, Number.NEGATIVE_INFINITY][(i * 7) % 6]!),
      [1, 6, 6, 1],
    );
    await expectParity((x) => [max(x), tf.grad(weighted(max))(x)], [flat]);
    const nothing = floats(Array(16).fill(Number.NaN), [1, 4, 4, 1]);
    await expectParity((x) => [max(x), tf.grad(weighted(max))(x)], [nothing]);
  });
});
