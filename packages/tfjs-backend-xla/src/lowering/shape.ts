import type { Node } from '@diptych/graph';
import type { HloValue } from '../stablehlo/index.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { moving } from './precision.js';

const Slice: Lowering = moving((e, [x], { attrs, outputs }) => {
  const begin = attrs.begin as number[];
  const { shape } = outputs[0]!;
  return e.slice(
    x!,
    begin,
    begin.map((at, i) => at + shape[i]!),
  );
});

/** Negative strides: the axis is turned round first. */
const StridedSlice: Lowering = moving((e, [x], { attrs, outputs }) => {
  const [begin, strides] = [attrs.begin as number[], attrs.strides as number[]];
  const { shape } = outputs[0]!;
  const backwards = strides.flatMap((stride, axis) => (stride < 0 ? [axis] : []));
  const from = begin.map((at, axis) => (strides[axis]! < 0 ? x!.shape[axis]! - 1 - at : at));
  const steps = strides.map(Math.abs);
  const end = from.map((at, axis) => (shape[axis] === 0 ? at : at + (shape[axis]! - 1) * steps[axis]! + 1));
  return e.slice(e.reverse(x!, backwards), from, end, steps);
});

const PadV2: Lowering = moving((e, [x], { attrs }) => {
  const paddings = attrs.paddings as [number, number][];
  const value = e.scalar((attrs.constantValue as number | undefined) ?? 0, x!.elementType);
  return e.pad(x!, { low: paddings.map(([before]) => before), high: paddings.map(([, after]) => after) }, value);
});

/** `reflect` leaves the outermost element out, `symmetric` repeats it. */
const MirrorPad: Lowering = moving((e, [x], { attrs }) => {
  const inset = attrs.mode === 'reflect' ? 1 : 0;
  return (attrs.paddings as [number, number][]).reduce((padded, [before, after], axis) => {
    const length = padded.shape[axis]!;
    const mirrored = (begin: number, end: number) => e.reverse(e.sliceAxis(padded, axis, begin, end), [axis]);
    const parts = [
      ...(before > 0 ? [mirrored(inset, inset + before)] : []),
      padded,
      ...(after > 0 ? [mirrored(length - inset - after, length - inset)] : []),
    ];
    return e.concatenate(parts, axis);
  }, x!);
});

/** Each axis behind one of its repetitions, then both as one. */
const Tile: Lowering = moving((e, [x], { attrs, outputs }) => {
  const reps = attrs.reps as number[];
  const spread = x!.shape.flatMap((dimension, axis) => [reps[axis]!, dimension]);
  const axes = x!.shape.map((_, axis) => 2 * axis + 1);
  return e.reshape(e.broadcastInDim(x!, spread, axes), outputs[0]!.shape);
});

const simple = (move: (e: Emitter, x: HloValue, node: Node) => HloValue): Lowering =>
  moving((e, [x], node) => move(e, x!, node));

/** Kernels that move elements. */
export const SHAPE: LoweringTable = {
  Reshape: simple((e, x, { outputs }) => e.reshape(x, outputs[0]!.shape)),
  Transpose: simple((e, x, { attrs }) => e.transpose(x, attrs.perm as number[])),
  Reverse: simple((e, x, { attrs }) => e.reverse(x, attrs.dims as number[])),
  Concat: moving((e, inputs, { attrs }) => e.concatenate(inputs, attrs.axis as number)),
  Slice,
  StridedSlice,
  PadV2,
  MirrorPad,
  Tile,
};
