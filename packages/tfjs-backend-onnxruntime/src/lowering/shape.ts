import type { Lowering, LoweringTable } from './emitter.js';

const axesOf = (list: readonly unknown[]) => list.map((_, i) => i);

const Slice: Lowering = (e, [x], { attrs, inputs }) => {
  const [begin, size] = [attrs.begin as number[], attrs.size as number[]];
  const axes = axesOf(begin).filter((i) => begin[i] !== 0 || size[i] !== inputs[0]!.shape[i]);
  if (axes.length === 0) return e.op('Identity', [x!]);
  return e.slice(
    x!,
    axes.map((i) => begin[i]!),
    axes.map((i) => begin[i]! + size[i]!),
    axes,
  );
};

/** As the end of a slice backwards: before the first element. */
const BEFORE_FIRST = -(2 ** 31);

const StridedSlice: Lowering = (e, [x], { attrs }) => {
  const [begin, end, strides] = [attrs.begin as number[], attrs.end as number[], attrs.strides as number[]];
  return e.slice(x!, begin, end, axesOf(begin), strides);
};

const PadV2: Lowering = (e, [x], { attrs, outputs }) => {
  const paddings = attrs.paddings as [number, number][];
  const value = e.scalar((attrs.constantValue as number) ?? 0, outputs[0]!.dtype);
  return e.pad(
    x!,
    paddings.map(([before]) => before),
    paddings.map(([, after]) => after),
    value,
  );
};

const MirrorPad: Lowering = (e, [x], { attrs }) => {
  const paddings = attrs.paddings as [number, number][];
  const pads = e.int64s([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  return e.op('Pad', [x!, pads], { mode: 'reflect' });
};

const Reverse: Lowering = (e, [x], { attrs }) => {
  const axes = attrs.dims as number[];
  if (axes.length === 0) return e.op('Identity', [x!]);
  return e.slice(
    x!,
    axes.map(() => -1),
    axes.map(() => BEFORE_FIRST),
    axes,
    axes.map(() => -1),
  );
};

/** Kernels that move elements. */
export const SHAPE: LoweringTable = {
  Reshape: (e, [x], { outputs }) => e.reshape(x!, outputs[0]!.shape),
  Transpose: (e, [x], { attrs, inputs }) => e.transpose(x!, attrs.perm as number[], inputs[0]!.shape),
  Tile: (e, [x], { attrs }) => e.op('Tile', [x!, e.int64s(attrs.reps as number[])]),
  Concat: (e, inputs, { attrs }) => e.op('Concat', inputs, { axis: attrs.axis as number }),
  Slice,
  StridedSlice,
  PadV2,
  MirrorPad,
  Reverse,
};
