import { type Node, shares, type Window } from '@diptych/graph';
import { type ElementType, type HloValue, reduceWindow, type SlidingWindow } from '../stablehlo/index.js';
import { sidesOf, windowOf } from './convolution.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { widen } from './precision.js';

/** Over images channels last. */
const sliding = (window: Window): SlidingWindow => ({
  size: [1, ...window.kernel, 1],
  strides: [1, ...window.strides, 1],
  padding: [[0, 0], ...sidesOf(window), [0, 0]],
});

/** Without NaN, which tfjs's pooling passes over. */
const numbers = (e: Emitter, x: HloValue) => e.select(e.compare('NE', x, x), e.like(x, Number.NEGATIVE_INFINITY), x);

const largest = (e: Emitter, x: HloValue, window: Window) =>
  reduceWindow(e, 'maximum', x, Number.NEGATIVE_INFINITY, sliding(window));

/** 1 / the number of real cells under each window, for results [batch, height, width, channel]. */
const sharesLike = (e: Emitter, window: Window, like: HloValue) => {
  const [height, width] = window.output;
  const table = e.constant(shares(window), { shape: [height, width], elementType: 'f32' });
  return e.broadcastInDim(table, like.shape, [1, 2]);
};

/** Zeros between the cells of a result, and around it, so that cell (i, j) of each window lies where it was in the image. */
function placed(
  e: Emitter,
  x: HloValue,
  { strides, pads, input, output }: Window,
  [i, j]: readonly number[],
): HloValue {
  const low = [i! - pads[0], j! - pads[1]];
  const high = [0, 1].map((axis) => input[axis]! - low[axis]! - (output[axis]! - 1) * strides[axis]! - 1);
  return e.pad(x, {
    low: [0, ...low, 0],
    high: [0, ...high, 0],
    interior: [0, ...strides.map((stride) => stride - 1), 0],
  });
}

const tapsOf = ({ kernel: [height, width] }: Window) =>
  Array.from({ length: height * width }, (_, tap) => [Math.floor(tap / width), tap % width] as const);

/** Small whole numbers, in as few bits as they need. */
const tapType = (count: number): ElementType => (count < 128 ? 'i8' : 'i32');

/**
 * Each window's gradient goes to its first largest cell, to none where all are NaN or -Infinity. One comparison for each cell of
 * the window, and one sum of shifted images: no scatter.
 */
const MaxPoolGrad: Lowering = (e, [dy, given], node) => {
  const window = windowOf(node);
  const x = numbers(e, given!);
  const found = largest(e, x, window);
  const { strides, output, pads } = window;
  const [top, left, bottom, right] = pads;
  const around = { low: [0, top, left, 0], high: [0, bottom, right, 0] };
  const image = e.pad(x, around, e.scalar(Number.NEGATIVE_INFINITY, x.elementType));
  const taps = tapsOf(window);
  const none = { shape: found.shape, elementType: tapType(taps.length) };
  const isNumber = e.compare('GT', found, e.like(found, Number.NEGATIVE_INFINITY));
  let first = e.fill(-1, none);
  for (const [tap, [i, j]] of [...taps.entries()].reverse()) {
    const begin = [0, i, j, 0];
    const end = [x.shape[0]!, i + (output[0] - 1) * strides[0] + 1, j + (output[1] - 1) * strides[1] + 1, x.shape[3]!];
    const cells = e.slice(image, begin, end, [1, ...strides, 1]);
    first = e.select(e.and(isNumber, e.compare('EQ', cells, found)), e.fill(tap, none), first);
  }
  return taps
    .map((place, tap) => {
      const taken = e.select(e.compare('EQ', first, e.fill(tap, none)), dy!, e.like(dy!, 0));
      return placed(e, taken, window, place);
    })
    .reduce((sum, part) => e.add(sum, part));
};

const AvgPool: Lowering = (e, [x], node) => {
  const window = windowOf(node);
  const sums = reduceWindow(e, 'add', widen(e, x!), 0, sliding(window));
  return keep(e, e.multiply(sums, sharesLike(e, window, sums)), x!, node);
};

/** Each cell of a window gets an equal share: a sum over windows of the result, zeros between its cells. */
const AvgPoolGrad: Lowering = (e, [dy], node) => {
  const window = windowOf(node);
  const wide = widen(e, dy!);
  const shared = e.multiply(wide, sharesLike(e, window, wide));
  const { kernel, strides, input, output } = window;
  const padding = sidesOf(window).map(([before], i): [number, number] => {
    const low = kernel[i]! - 1 - before;
    return [low, input[i]! + kernel[i]! - 1 - low - (output[i]! - 1) * strides[i]! - 1];
  });
  const spread = placedWhole(e, shared, strides, padding);
  const sums = reduceWindow(e, 'add', spread, 0, {
    size: [1, ...kernel, 1],
    strides: [1, 1, 1, 1],
    padding: [[0, 0], [0, 0], [0, 0], [0, 0]],
  }); // biome-ignore format: one call
  return keep(e, sums, dy!, node);
};

function placedWhole(
  e: Emitter,
  x: HloValue,
  strides: readonly number[],
  padding: readonly [number, number][],
): HloValue {
  return e.pad(x, {
    low: [0, ...padding.map(([before]) => before), 0],
    high: [0, ...padding.map(([, after]) => after), 0],
    interior: [0, ...strides.map((stride) => stride - 1), 0],
  });
}

/** In the type that the images had. */
const keep = (e: Emitter, result: HloValue, like: HloValue, node: Node) =>
  e.isExact(node.outputs[0]!) ? result : e.convert(result, like.elementType);

/** Pooling of images channels last, and its gradients. */
export const POOLING: LoweringTable = {
  MaxPool: (e, [x], node) => largest(e, numbers(e, x!), windowOf(node)),
  MaxPoolGrad,
  AvgPool,
  AvgPoolGrad,
};
