import type { Window } from '@diptych/graph';
import {
  blockedConvolution,
  blockedFilter,
  blockedTurnedFilter,
  blockOf,
  imageGradientByPhase,
} from './blocked-convolution.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { turnOver } from './permutation.js';
import { cells, windowAttributes, windowOf } from './window.js';

/** Images above this many output cells are processed image by image, smaller ones as one large matrix. */
const LARGE = 28 * 28;
/** Images above this many output cells take the gradient of the image as a convolution with the turned filter. */
const MEDIUM = 14 * 14;
/** Up to this many channels (a stem's red, green and blue), columns would be many and narrow. */
const FEW_CHANNELS = 4;
/** Filters up to this many cells can have all their columns in memory. */
const SMALL_FILTER = 9;

const Conv2D: Lowering = (e, [x, filter], node) => {
  const window = windowOf(node);
  const { shape } = node.inputs[1]!;
  const block = blockOf(e, shape, window);
  if (block === undefined) return e.op('Conv', [x!, filter!], windowAttributes(window));
  const { strides, pads } = window;
  return blockedConvolution(e, x!, blockedFilter(e, filter!, shape, block), shape, { strides, pads });
};

/**
 * dX. With stride 1 it is the convolution of dY with the filter turned round and its channels swapped, which is faster than
 * ConvTranspose for 1x1 filters, in blocks, and for images that are not small; otherwise ConvTranspose, which is the same sum.
 */
const Conv2DBackpropInput: Lowering = (e, [dy, filter], node) => {
  const window = windowOf(node);
  const { kernel, strides, dilations, pads, output } = window;
  const { shape } = node.inputs[1]!;
  const [outChannels, inChannels] = shape as [number, number];
  const rest = pads.map((pad, i) => dilations[i % 2]! * (kernel[i % 2]! - 1) - pad);
  const block = blockOf(e, shape, window);
  if (strides[0] === 1 && strides[1] === 1 && rest.every((pad) => pad >= 0)) {
    if (block !== undefined) {
      const blocked = blockedTurnedFilter(e, filter!, shape, block);
      return blockedConvolution(e, dy!, blocked, [inChannels, outChannels, ...kernel], { strides, pads: rest });
    }
    const pointwise = cells(kernel) === 1;
    if (pointwise || cells(output) >= MEDIUM) {
      const flipped = pointwise ? filter! : e.slice(filter!, [-1, -1], [-1000, -1000], [2, 3], [-1, -1]);
      return e.op('Conv', [dy!, e.transpose(flipped, [1, 0, 2, 3], shape)], {
        kernel_shape: kernel,
        dilations,
        pads: rest,
      });
    }
  }
  const byPhase = block === undefined ? undefined : imageGradientByPhase(e, dy!, filter!, node, block);
  return byPhase ?? e.op('ConvTranspose', [dy!, filter!], transposedAttributes(window));
};

/** ConvTranspose that undoes a convolution's window, to exactly the size of its input. */
function transposedAttributes(window: Window) {
  const { kernel, strides, pads, dilations, input, output } = window;
  const reached = [0, 1].map(
    (i) => (output[i]! - 1) * strides[i]! - pads[i]! - pads[i + 2]! + (kernel[i]! - 1) * dilations[i]! + 1,
  );
  return {
    kernel_shape: kernel,
    strides,
    pads,
    dilations,
    output_padding: [input[0] - reached[0]!, input[1] - reached[1]!],
  };
}

/** x at the cells that filter tap (i, j) meets; `x` is already padded. */
function tapOf(
  e: Emitter,
  x: string,
  i: number,
  j: number,
  { strides, dilations, output }: Window,
  axes: readonly number[] = [2, 3],
): string {
  const begin = [i * dilations[0], j * dilations[1]];
  const end = begin.map((at, axis) => at + (output[axis]! - 1) * strides[axis]! + 1);
  return e.slice(x, begin, end, axes, strides);
}

const taps = ([height, width]: readonly number[]) =>
  Array.from({ length: height! * width! }, (_, tap) => [Math.floor(tap / width!), tap % width!] as const);

const padded = (e: Emitter, x: string, { pads: [top, left, bottom, right] }: Window) =>
  top || left || bottom || right ? e.pad(x, [0, 0, top, left], [0, 0, bottom, right]) : x;

/** Channels and images swapped: [C, N, H, W]. Used by several gradients of one tensor. */
const channelsOutermost = (e: Emitter, x: string, shape: readonly number[]) =>
  e.shared(`swap:${x}`, () => e.transpose(x, [1, 0, 2, 3], shape));

/**
 * dW as a convolution: channels take the place of images, images that of channels, and dY is the filter; strides and
 * dilations change places. Cells of x at the end that no window meets are cut off.
 */
function filterGradientByConvolution(
  e: Emitter,
  [x, xShape]: readonly [string, readonly number[]],
  [dy, dyShape]: readonly [string, readonly number[]],
  window: Window,
): string {
  const { kernel, strides, pads, dilations, input, output } = window;
  const ends = [0, 1].map((i) => {
    const reached = (kernel[i]! - 1) * dilations[i]! + (output[i]! - 1) * strides[i]! + 1;
    return reached - input[i]! - pads[i]!;
  });
  const met = ends.map((pad, i) => input[i]! + Math.min(pad, 0));
  const image = channelsOutermost(e, x, xShape);
  const cut = ends.some((pad) => pad < 0) ? e.slice(image, [0, 0], met, [2, 3]) : image;
  const gradient = e.op('Conv', [cut, channelsOutermost(e, dy, dyShape)], {
    kernel_shape: output,
    strides: dilations,
    dilations: strides,
    pads: [pads[0], pads[1], ...ends.map((pad) => Math.max(pad, 0))],
  });
  return e.transpose(gradient, [1, 0, 2, 3], [xShape[1]!, dyShape[1]!, ...kernel]);
}

/**
 * dW for a few channels and small filters, image by image. The columns [tap of channel, cell] come from a depthwise
 * convolution whose filters copy one cell each.
 */
function filterGradientByCopies(
  e: Emitter,
  x: string,
  dy: string,
  [batch, channels]: readonly number[],
  window: Window,
) {
  const { kernel, output } = window;
  const tapCount = cells(kernel);
  const columnCount = channels! * tapCount;
  const copies = new Float32Array(columnCount * tapCount);
  for (let column = 0; column < columnCount; column++) copies[column * tapCount + (column % tapCount)] = 1;
  const filter = e.constant(copies, [columnCount, 1, ...kernel], 'float32');
  const columns = e.op('Conv', [x, filter], { ...windowAttributes(window), group: channels! });
  const rows = e.reshape(dy, [batch!, -1, cells(output)]);
  const products = e.matmul(rows, e.reshape(columns, [batch!, columnCount, cells(output)]), false, true, [3, 3]);
  return e.reduce('ReduceSum', products, [0], false);
}

/**
 * The cells of channels-first images that every output cell's window meets, as [image row column, tap channel]: one Gather
 * of whole pixels. Cells outside the image are a row of zeros at the end.
 */
function columnsOf(e: Emitter, x: string, [batch, channels]: readonly number[], window: Window): string {
  const { kernel, input, output } = window;
  const pixelCount = batch! * cells(input);
  const pixels = e.shared(`pixels:${x}`, () => {
    const flat = e.reshape(e.transpose(x, [0, 2, 3, 1], [batch!, channels!, ...input]), [pixelCount, channels!]);
    return e.op('Concat', [flat, e.constant(new Float32Array(channels!), [1, channels!], 'float32')], { axis: 0 });
  });
  const places = e.shared(`places:${JSON.stringify([batch, window])}`, () =>
    e.constant(pixelsMet(batch!, window), [batch! * cells(output) * cells(kernel)], 'int32'),
  );
  return e.reshape(e.op('Gather', [pixels, places], { axis: 0 }), [batch! * cells(output), cells(kernel) * channels!]);
}

/** Position of the pixel under each [image, row, column, tap]; the one after the last where it is outside. */
function pixelsMet(batch: number, { kernel, strides, pads, dilations, input, output }: Window): Int32Array {
  const [height, width] = input;
  const steps = taps(kernel).map(([i, j]) => [i * dilations[0], j * dilations[1]] as const);
  const places = new Int32Array(batch * cells(output) * cells(kernel));
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let cell = 0; cell < cells(output); cell++) {
      const top = Math.floor(cell / output[1]) * strides[0] - pads[0];
      const left = (cell % output[1]) * strides[1] - pads[1];
      for (const [down, right] of steps) {
        const [row, column] = [top + down, left + right];
        const inside = row >= 0 && row < height && column >= 0 && column < width;
        places[at++] = inside ? (image * height + row) * width + column : batch * cells(input);
      }
    }
  }
  return places;
}

/**
 * dW as matrix products, by filter tap: image by image and summed where images are large, else over the whole batch at
 * once, from columns. For a few channels and large filters ORT's convolution with swapped axes is three times as fast, for many it is a third.
 */
const Conv2DBackpropFilter: Lowering = (e, [x, dy], node) => {
  const window = windowOf(node);
  const { kernel, output } = window;
  const [batch, inChannels] = node.inputs[0]!.shape as [number, number];
  const dyShape = node.inputs[1]!.shape;
  const outChannels = dyShape[1]!;
  const area = cells(output);
  const filterShape = [outChannels, inChannels, ...kernel];
  const strided = window.strides.some((stride) => stride > 1);

  const byImage = (tap: string) => {
    const rows = e.shared(`rows:${dy}`, () => e.reshape(dy!, [batch, outChannels, area]));
    return e.reduce(
      'ReduceSum',
      e.matmul(rows, e.reshape(tap, [batch, inChannels, area]), false, true, [3, 3]),
      [0],
      false,
    );
  };
  const wholeBatch = (columns: string) => {
    const rows = e.shared(`flat:${dy}`, () =>
      e.reshape(channelsOutermost(e, dy!, dyShape), [outChannels, batch * area]),
    );
    return e.matmul(rows, e.reshape(columns, [inChannels, batch * area]), false, true);
  };

  if (inChannels <= FEW_CHANNELS && cells(kernel) > 1) {
    if (cells(kernel) > SMALL_FILTER)
      return filterGradientByConvolution(e, [x!, node.inputs[0]!.shape], [dy!, dyShape], window);
    return e.reshape(filterGradientByCopies(e, x!, dy!, node.inputs[0]!.shape, window), filterShape);
  }
  if (cells(kernel) === 1 && window.pads.every((pad) => pad === 0)) {
    const cellsMet = strided ? tapOf(e, x!, 0, 0, window) : x!;
    const flat =
      area >= LARGE ? byImage(cellsMet) : wholeBatch(channelsOutermost(e, cellsMet, [batch, inChannels, ...output]));
    return e.reshape(flat, filterShape);
  }
  if (area >= LARGE && cells(kernel) <= SMALL_FILTER && inChannels > 8 && !strided) {
    const image = padded(e, x!, window);
    const parts = taps(kernel).map(([i, j]) =>
      e.reshape(byImage(tapOf(e, image, i, j, window)), [outChannels, inChannels, 1]),
    );
    return e.reshape(e.op('Concat', parts, { axis: 2 }), filterShape);
  }
  const columns = columnsOf(e, x!, node.inputs[0]!.shape, window);
  const rows = e.shared(`flat:${dy}`, () => e.reshape(channelsOutermost(e, dy!, dyShape), [outChannels, batch * area]));
  const tapsFirst = [outChannels, cells(kernel), inChannels] as const;
  return e.reshape(turnOver(e, e.reshape(e.matmul(rows, columns), tapsFirst), tapsFirst), filterShape);
};

/** The layout pass gives depthwise filters as [channel, multiplier, height, width]. */
const depthwiseFilter = (e: Emitter, filter: string, [channels, multiplier, ...kernel]: readonly number[]) =>
  e.reshape(filter, [channels! * multiplier!, 1, ...kernel]);

const DepthwiseConv2dNative: Lowering = (e, [x, filter], node) => {
  const { shape } = node.inputs[1]!;
  return e.op('Conv', [x!, depthwiseFilter(e, filter!, shape)], {
    ...windowAttributes(windowOf(node)),
    group: shape[0]!,
  });
};

const DepthwiseConv2dNativeBackpropInput: Lowering = (e, [dy, filter], node) => {
  const { shape } = node.inputs[1]!;
  const attributes = { ...transposedAttributes(windowOf(node)), group: shape[0]! };
  return e.op('ConvTranspose', [dy!, depthwiseFilter(e, filter!, shape)], attributes);
};

const DepthwiseConv2dNativeBackpropFilter: Lowering = (e, [x, dy], node) => {
  const window = windowOf(node);
  const [channels, multiplier, ...kernel] = node.outputs[0]!.shape as [number, number, number, number];
  const batch = node.inputs[0]!.shape[0]!;
  const image = padded(e, x!, window);
  const gradient = e.reshape(dy!, [batch, channels, multiplier, ...window.output]);
  const parts = taps(kernel).map(([i, j]) => {
    const tap = e.reshape(tapOf(e, image, i, j, window), [batch, channels, 1, ...window.output]);
    const sum = e.reduce('ReduceSum', e.op('Mul', [tap, gradient]), [0, 3, 4], false);
    return e.reshape(sum, [channels, multiplier, 1]);
  });
  return e.reshape(e.op('Concat', parts, { axis: 2 }), [channels, multiplier, ...kernel]);
};

/** Convolutions of channels-first images, and their gradients. */
export const CONVOLUTION: LoweringTable = {
  Conv2D,
  Conv2DBackpropInput,
  Conv2DBackpropFilter,
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropInput,
  DepthwiseConv2dNativeBackpropFilter,
};
