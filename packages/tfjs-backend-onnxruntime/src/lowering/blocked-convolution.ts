// Convolutions in blocks of channels: ONNX Runtime's own layout, N C/B H W B for images and O/B I/B H W Bi Bo for filters.
// Its operators see only shapes, so that images in it can be reshaped, cut and joined like any other memory.
import type { Node, Window } from '@diptych/graph';
import type { Emitter } from './emitter.js';
import { moveRows, permutation } from './permutation.js';
import { cells, windowOf } from './window.js';

/** Images from this many output cells on are convolved in blocks of channels. */
const SMALL = 4 * 4;

const BLOCKED = 'com.microsoft.nchwc';

/** Size of a block, when a 3x3 convolution between that many channels pays in blocks; else undefined. */
export function blockOf(
  e: Emitter,
  [outChannels, inChannels, ...kernel]: readonly number[],
  { dilations, output }: Window,
) {
  if (cells(kernel) !== 9 || dilations.some((step) => step !== 1) || cells(output) < SMALL) return undefined;
  const block = e.channelBlock;
  return block > 0 && outChannels! % block === 0 && inChannels! % block === 0 ? block : undefined;
}

const blockedImage = (e: Emitter, x: string) => e.shared(`blocked:${x}`, () => e.op('ReorderInput', [x], {}, BLOCKED));

const plainImage = (e: Emitter, x: string, channels: number) => e.op('ReorderOutput', [x], { channels }, BLOCKED);

/**
 * A convolution in blocks of channels, ONNX Runtime's own layout: O/B I/B H W Bi Bo for filters. Reordering image, filter
 * and result included, it takes half the time of the plain one for 3x3 filters (docs/engine-notes.md).
 */
export function blockedConvolution(
  e: Emitter,
  x: string,
  filter: string,
  shape: readonly number[],
  attributes: { strides: readonly number[]; pads: readonly number[] },
): string {
  const operands = [blockedImage(e, x), e.reshape(filter, shape)];
  const result = e.op('Conv', operands, { kernel_shape: shape.slice(2), ...attributes }, BLOCKED);
  return plainImage(e, result, shape[0]!);
}

/**
 * A filter in blocked order. Two moves, of which the second copies whole blocks, take a fifth of the time of one: and the
 * first is fastest as a product with the identity matrix, which two threads share.
 */
export function blockedFilter(
  e: Emitter,
  filter: string,
  [outs, ins, ...kernel]: readonly number[],
  block: number,
): string {
  const rows = e.reshape(filter, [outs! / block, block, ins! * cells(kernel)]);
  const columns = e.matmul(rows, permutation(e, block), true, false);
  const split = [outs! / block, ins! / block, block, cells(kernel), block];
  return moveRows(e, columns, split, [0, 1, 3, 2]);
}

/** A filter as [tap, out, in], its taps in another order: a product with a permutation, which two threads share. */
function tapsOutermost(
  e: Emitter,
  filter: string,
  [outs, ins, ...kernel]: readonly number[],
  order: readonly number[],
) {
  const count = cells(kernel);
  return e.matmul(
    permutation(e, count, (row) => order[row]!),
    e.reshape(filter, [outs! * ins!, count]),
    false,
    true,
  );
}

/** [tap, out, in] in blocked order, channels swapped. */
function blockedSwapped(e: Emitter, taps: string, [outs, ins]: readonly number[], count: number, block: number) {
  const split = [count, outs! / block, block, ins! / block, block];
  return moveRows(e, taps, split, [3, 1, 0, 2]);
}

/** The filter of the convolution that undoes another, in blocked order: taps turned round, channels swapped. */
export function blockedTurnedFilter(e: Emitter, filter: string, shape: readonly number[], block: number): string {
  const count = cells(shape.slice(2));
  const lastFirst = Array.from({ length: count }, (_, i) => count - 1 - i);
  return blockedSwapped(e, tapsOutermost(e, filter, shape, lastFirst), shape, count, block);
}

/**
 * dX of a strided convolution, in blocks. The cells of the image fall into as many phases as there are positions in a
 * stride, each of which meets taps of its own: one convolution without stride a phase, then the phases between each other.
 * The same sum as ConvTranspose, in half the time. Undefined where a phase would cut dY.
 */
export function imageGradientByPhase(
  e: Emitter,
  dy: string,
  filter: string,
  node: Node,
  block: number,
): string | undefined {
  const window = windowOf(node);
  const { kernel, strides, input } = window;
  const { shape } = node.inputs[1]!;
  const [outChannels, inChannels] = shape as [number, number];
  const batch = node.inputs[0]!.shape[0]!;
  const [rows, columns] = [phasesOf(window, 0), phasesOf(window, 1)];
  if (!rows || !columns) return undefined;

  const tapsOf = (row: Phase, column: Phase) => row.taps.flatMap((i) => column.taps.map((j) => i * kernel[1] + j));
  const order = rows.flatMap((row) => columns.flatMap((column) => tapsOf(row, column)));
  const taps = tapsOutermost(e, filter, shape, order);
  const image = blockedImage(e, dy);
  const [height, width] = [0, 1].map((axis) => Math.ceil(input[axis]! / strides[axis]!)) as [number, number];
  const blocks = inChannels / block;

  let from = 0;
  const bands = rows.map((row) => {
    const phases = columns.map((column) => {
      const count = row.taps.length * column.taps.length;
      const own = e.slice(taps, [from], [from + count], [0]);
      from += count;
      const kernelShape = [row.taps.length, column.taps.length];
      const operand = e.reshape(blockedSwapped(e, own, shape, count, block), [inChannels, outChannels, ...kernelShape]);
      const pads = [row.before, column.before, row.after, column.after];
      const phase = e.op('Conv', [image, operand], { kernel_shape: kernelShape, strides: [1, 1], pads }, BLOCKED);
      return e.reshape(phase, [batch * blocks * height, width, block]);
    });
    return e.reshape(e.op('Concat', phases, { axis: 2 }), [batch * blocks, height, width * strides[1] * block]);
  });
  const reached = [batch * blocks, height * strides[0], width * strides[1], block];
  const between = e.reshape(e.op('Concat', bands, { axis: 2 }), reached);
  const exact = reached[1] === input[0] && reached[2] === input[1];
  const cut = exact ? between : e.slice(between, [0, 0], input, [1, 2]);
  return plainImage(e, e.reshape(cut, [batch, inChannels, ...input]), inChannels);
}

/** The cells of an image at one position in the stride, along one axis. */
interface Phase {
  /** Taps of the filter that meet them, in the order in which they lie over dY. */
  taps: number[];
  /** Padding of dY. */
  before: number;
  after: number;
}

/** Cell r of the image meets tap k of output cell o where r = stride o - pad + k. */
function phasesOf({ kernel, strides, pads, input, output }: Window, axis: 0 | 1): Phase[] | undefined {
  const [size, stride, pad] = [kernel[axis], strides[axis], pads[axis]!];
  const length = Math.ceil(input[axis] / stride);
  const phases = Array.from({ length: stride }, (_, position) => {
    const first = (position + pad) % stride;
    const taps = Array.from({ length: size }, (_, tap) => size - 1 - tap).filter((tap) => tap % stride === first);
    const before = taps.length - 1 - (position + pad - first) / stride;
    return { taps, before, after: length - output[axis] - before + taps.length - 1 };
  });
  return phases.every(({ taps, before, after }) => taps.length > 0 && before >= 0 && after >= 0) ? phases : undefined;
}
