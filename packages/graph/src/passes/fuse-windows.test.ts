import { describe, expect, it } from 'vitest';
import { Builder } from '../builder.js';
import { extractProgram } from '../program.js';
import type { Window } from '../recorders/convolution.js';
import { Value } from '../value.js';
import { fuseWindows } from './fuse-windows.js';

type Shape = readonly number[];

/** Programs in memory order: channels-first images, [out, in, height, width] filters. */
const b = new Builder();
const input = (...shape: Shape) => new Value(shape, 'float32');
const pad = (x: Value, paddings: number[][], constantValue = 0) => {
  const shape = x.shape.map((size, i) => size + paddings[i]![0]! + paddings[i]![1]!);
  return b.emit('PadV2', [x], { paddings, constantValue }, shape, 'float32');
};
const slice = (x: Value, begin: Shape, size: Shape) => b.emit('Slice', [x], { begin, size }, size, 'float32');
const around = (rows: number[], columns: number[]) => [[0, 0], [0, 0], rows, columns];
const window = (input: Window['input'], output: Window['output'], stride = 1): Window => ({
  kernel: [3, 3],
  strides: [stride, stride],
  dilations: [1, 1],
  pads: [0, 0, 0, 0],
  input,
  output,
});
const windowed = (op: string, inputs: Value[], over: Window, shape: Shape) =>
  b.emit(op, inputs, { window: over }, shape, 'float32');

/** One line a node: operation, the shapes of what it reads, its padding, what it makes. */
function describeNodes(output: Value): string[] {
  return fuseWindows(extractProgram([output])).nodes.map(({ op, inputs, attrs, outputs }) => {
    const over = attrs.window as Window | undefined;
    const padding = over ? ` pads ${over.pads} of ${over.input}` : '';
    return `${op} ${inputs.map(({ shape }) => `[${shape}]`).join(' ')}${padding} -> [${outputs[0]!.shape}]`;
  });
}

describe('fuseWindows', () => {
  it('pads inside a convolution', () => {
    const x = pad(input(2, 4, 7, 9), around([1, 2], [0, 1]));
    const y = windowed('Conv2D', [x, input(5, 4, 3, 3)], window([10, 10], [8, 8]), [2, 5, 8, 8]);
    expect(describeNodes(y)).toEqual(['Conv2D [2,4,7,9] [5,4,3,3] pads 1,0,2,1 of 7,9 -> [2,5,8,8]']);
  });

  it('pads inside a convolution of a transposed image', () => {
    const x = pad(input(2, 7, 9, 3), [[0, 0], [1, 2], [0, 1], [0, 0]]); // biome-ignore format: short
    const y = windowed(
      'Conv2D',
      [b.transpose(x, [0, 3, 1, 2]), input(5, 3, 3, 3)],
      window([10, 10], [8, 8]),
      [2, 5, 8, 8],
    );
    expect(describeNodes(y)).toEqual([
      'Transpose [2,7,9,3] -> [2,3,7,9]',
      'Conv2D [2,3,7,9] [5,3,3,3] pads 1,0,2,1 of 7,9 -> [2,5,8,8]',
    ]);
  });

  it('pads inside the gradient of a filter', () => {
    const x = pad(input(2, 4, 7, 7), around([1, 1], [1, 1]));
    const dw = windowed('Conv2DBackpropFilter', [x, input(2, 5, 4, 4)], window([9, 9], [4, 4], 2), [5, 4, 3, 3]);
    expect(describeNodes(dw)).toEqual(['Conv2DBackpropFilter [2,4,7,7] [2,5,4,4] pads 1,1,1,1 of 7,7 -> [5,4,3,3]']);
  });

  it('computes the gradient of an image without its margins', () => {
    const dx = windowed(
      'Conv2DBackpropInput',
      [input(2, 5, 7, 7), input(5, 4, 3, 3)],
      window([9, 9], [7, 7]),
      [2, 4, 9, 9],
    );
    expect(describeNodes(slice(dx, [0, 0, 1, 1], [2, 4, 7, 7]))).toEqual([
      'Conv2DBackpropInput [2,5,7,7] [5,4,3,3] pads 1,1,1,1 of 7,7 -> [2,4,7,7]',
    ]);
  });

  it('pads inside max pooling and its gradient', () => {
    const x = input(2, 4, 8, 8);
    const padded = pad(x, around([1, 0], [1, 0]), Number.NEGATIVE_INFINITY);
    const over = window([9, 9], [4, 4], 2);
    const y = windowed('MaxPool', [padded], over, [2, 4, 4, 4]);
    const dx = windowed('MaxPoolGrad', [input(2, 4, 4, 4), padded, y], over, [2, 4, 9, 9]);
    expect(describeNodes(slice(dx, [0, 0, 1, 1], [2, 4, 8, 8]))).toEqual([
      'MaxPool [2,4,8,8] pads 1,1,0,0 of 8,8 -> [2,4,4,4]',
      'MaxPoolGrad [2,4,4,4] [2,4,8,8] [2,4,4,4] pads 1,1,0,0 of 8,8 -> [2,4,8,8]',
    ]);
  });

  it.each([
    ['other values than zero', pad(input(2, 4, 7, 7), around([1, 1], [1, 1]), 1)],
    [
      'channels',
      pad(input(2, 2, 9, 9), [
        [0, 0],
        [1, 1],
        [0, 0],
        [0, 0],
      ]),
    ],
    ['as much as a whole window', pad(input(2, 4, 3, 9), around([3, 3], [0, 0]))],
  ])('leaves padding of %s alone', (_, x) => {
    const y = windowed('Conv2D', [x, input(5, 4, 3, 3)], window([9, 9], [7, 7]), [2, 5, 7, 7]);
    expect(describeNodes(y)[0]).toMatch(/^PadV2/);
  });

  it('leaves slices of some channels or images alone', () => {
    const dx = windowed(
      'Conv2DBackpropInput',
      [input(2, 5, 7, 7), input(5, 4, 3, 3)],
      window([9, 9], [7, 7]),
      [2, 4, 9, 9],
    );
    expect(describeNodes(slice(dx, [0, 1, 1, 1], [2, 3, 7, 7]))[1]).toMatch(/^Slice/);
    expect(describeNodes(slice(dx, [1, 0, 1, 1], [1, 4, 7, 7]))[1]).toMatch(/^Slice/);
  });

  it('leaves a slice alone that cuts something else than the padding of a pooling', () => {
    const padded = pad(input(2, 4, 8, 8), around([1, 0], [1, 0]), Number.NEGATIVE_INFINITY);
    const over = window([9, 9], [4, 4], 2);
    const dx = windowed('MaxPoolGrad', [input(2, 4, 4, 4), padded, input(2, 4, 4, 4)], over, [2, 4, 9, 9]);
    expect(describeNodes(slice(dx, [0, 0, 0, 1], [2, 4, 8, 8])).at(-1)).toMatch(/^Slice/);
  });
});
