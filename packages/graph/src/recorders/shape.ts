import * as tf from '@tensorflow/tfjs-core';
import { listOf, type Recorder, type RecorderTable, resolveAxes, resolveAxis } from '../recorder.js';
import { sizeOf } from '../value.js';

const Reshape: Recorder<tf.ReshapeAttrs> = (b, { x }, attrs) => {
  const shape = tf.util.inferFromImplicitShape(attrs.shape, sizeOf(x!.shape));
  tf.util.assert(
    sizeOf(shape) === sizeOf(x!.shape),
    () =>
      `The new shape (${shape}) has ${sizeOf(shape)} elements and the old shape (${x!.shape}) has ${sizeOf(x!.shape)} elements. The new shape and old shape must have the same number of elements.`,
  );
  return b.alias(x!, shape);
};

const ExpandDims: Recorder<tf.ExpandDimsAttrs> = (b, { input }, attrs) => {
  const { dim } = attrs;
  const rank = input!.shape.length;
  tf.util.assert(-(rank + 1) <= dim && dim <= rank, () => `Axis must be in the interval [${-(rank + 1)}, ${rank}]`);
  const shape = input!.shape.slice();
  shape.splice(dim < 0 ? input!.shape.length + dim + 1 : dim, 0, 1);
  return b.alias(input!, shape);
};

const Transpose: Recorder<tf.TransposeAttrs> = (b, { x }, attrs) => {
  const { perm } = attrs;
  if (x!.dtype === 'string') return undefined;
  return b.record(
    'Transpose',
    { x: x! },
    { perm },
    perm.map((axis) => x!.shape[axis]!),
    x!.dtype,
  );
};

const Slice: Recorder<{ begin: number[]; size: number[] }> = (b, { x }, attrs) => {
  const given = attrs;
  const [begin, size] = tf.slice_util.parseSliceParams(x as tf.Tensor, given.begin, given.size) as [number[], number[]];
  tf.slice_util.assertParamsValid(x as tf.Tensor, begin, size);
  return b.record('Slice', { x: x! }, { begin, size }, size, x!.dtype);
};

const StridedSlice: Recorder<tf.StridedSliceAttrs> = (b, { x }, attrs) => {
  const a = attrs;
  const info = tf.slice_util.sliceInfo(
    x!.shape, a.begin, a.end, a.strides, a.beginMask, a.endMask, a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask,
  ); // biome-ignore format: one call
  const { begin, end, strides, finalShape, finalShapeSparse, isIdentity } = info;
  if (isIdentity) return b.alias(x!, finalShape);
  const simple = info.sliceDim0 || info.isSimpleSlice;
  const shape = simple ? tf.slice_util.computeOutShape(begin, end, strides) : finalShapeSparse;
  if (sizeOf(shape) === 0) return b.own(new Float32Array(0), finalShape, x!.dtype);
  const masks = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
  // An end of -1 under a negative stride means "before the first", which as an attribute would mean the last.
  const ends = end.map((at, i) => (strides[i]! < 0 && at < 0 ? -x!.shape[i]! - 1 : at));
  const recorded = { begin, end: ends, strides, ...masks };
  const picked = b.record('StridedSlice', { x: x! }, recorded, shape, x!.dtype);
  const out = b.alias(picked, finalShape);
  b.disposeData(picked.dataId);
  return out;
};

const PadV2: Recorder<tf.PadV2Attrs> = (b, { x }, attrs) => {
  const { paddings, constantValue } = attrs;
  const shape = x!.shape.map((dimension, i) => dimension + paddings[i]![0] + paddings[i]![1]);
  return b.record('PadV2', { x: x! }, { paddings, constantValue }, shape, x!.dtype);
};

const MirrorPad: Recorder<tf.MirrorPadAttrs> = (b, { x }, attrs) => {
  const { paddings, mode } = attrs;
  if (x!.dtype !== 'float32') return undefined;
  const shape = x!.shape.map((dimension, i) => dimension + paddings[i]![0] + paddings[i]![1]);
  return b.record('MirrorPad', { x: x! }, { paddings, mode }, shape, x!.dtype);
};

const Concat: Recorder<tf.ConcatAttrs> = (b, inputs, attrs) => {
  const all = listOf(inputs);
  const axis = resolveAxis(attrs.axis, all[0]!.shape.length);
  tf.backend_util.assertParamsConsistent(
    all.map((t) => t.shape),
    axis,
  );
  const shape = tf.backend_util.computeOutShape(
    all.map((t) => t.shape),
    axis,
  );
  if (!all.every((t) => t.dtype === all[0]!.dtype)) return undefined;
  const filled = all.filter((t) => sizeOf(t.shape) > 0);
  if (filled.length === 0) return b.own(new Float32Array(0), shape, all[0]!.dtype);
  if (filled.length === 1) return b.alias(filled[0]!, shape);
  return b.record('Concat', filled, { axis }, shape, filled[0]!.dtype);
};

/** Stacks tensors of one shape along a new axis: each gets the axis, then they are concatenated. */
const Pack: Recorder<tf.PackAttrs> = (b, inputs, attrs) => {
  const all = listOf(inputs);
  const axis = resolveAxis(attrs.axis, all[0]!.shape.length + 1);
  for (const t of all) {
    tf.util.assertShapesMatch(all[0]!.shape, t.shape, 'All tensors passed to stack must have matching shapes');
    tf.util.assert(t.dtype === all[0]!.dtype, () => 'All tensors passed to stack must have matching dtypes');
  }
  const expanded = all.map((t) => b.alias(t, [...t.shape.slice(0, axis), 1, ...t.shape.slice(axis)]));
  const out = Concat(b, Object.fromEntries(expanded.entries()), { axis });
  for (const t of expanded) b.disposeData(t.dataId);
  return out;
};

/** One slice along `axis`. */
function sliceAlong(b: Parameters<Recorder>[0], x: tf.TensorInfo, axis: number, start: number, length: number) {
  const begin = x.shape.map((_, i) => (i === axis ? start : 0));
  const size = x.shape.map((dimension, i) => (i === axis ? length : dimension));
  return b.record('Slice', { x }, { begin, size }, size, x.dtype);
}

const Unpack: Recorder<tf.UnpackAttrs> = (b, { value }, attrs) => {
  const axis = resolveAxis(attrs.axis, value!.shape.length);
  const shape = value!.shape.filter((_, i) => i !== axis);
  return Array.from({ length: value!.shape[axis]! }, (_, i) => {
    const slice = sliceAlong(b, value!, axis, i, 1);
    const out = b.alias(slice, shape);
    b.disposeData(slice.dataId);
    return out;
  });
};

const SplitV: Recorder<tf.SplitVAttrs> = (b, { x }, attrs) => {
  const { numOrSizeSplits, axis } = attrs;
  const along = resolveAxis(axis, x!.shape.length);
  let start = 0;
  return tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along).map((length) => {
    const part = sliceAlong(b, x!, along, start, length);
    start += length;
    return part;
  });
};

const Tile: Recorder<tf.TileAttrs> = (b, { x }, attrs) => {
  const { reps } = attrs;
  if (x!.dtype === 'string') return undefined;
  return b.record(
    'Tile',
    { x: x! },
    { reps },
    x!.shape.map((dimension, i) => dimension * reps[i]!),
    x!.dtype,
  );
};

const Reverse: Recorder<tf.ReverseAttrs> = (b, { x }, attrs) => {
  const axes = resolveAxes(attrs.dims, x!.shape);
  if (x!.shape.length === 0) return b.alias(x!);
  return b.record('Reverse', { x: x! }, { dims: axes }, x!.shape, x!.dtype);
};

/** Blocks of the batch become space: reshape, transpose, reshape, crop. */
const BatchToSpaceND: Recorder<tf.BatchToSpaceNDAttrs> = (b, { x }, attrs) => {
  const { blockShape, crops } = attrs;
  const blocks = sizeOf(blockShape);
  const reshaped = b.alias(x!, tf.backend_util.getReshaped(x!.shape, blockShape, blocks));
  const perm = tf.backend_util.getPermuted(reshaped.shape.length, blockShape.length);
  const shape = tf.backend_util.getReshapedPermuted(x!.shape, blockShape, blocks);
  const begin = tf.backend_util.getSliceBeginCoords(crops, blockShape.length);
  const size = tf.backend_util.getSliceSize(shape, crops, blockShape.length);
  const moved = b.record(
    'Transpose',
    { x: reshaped },
    { perm },
    perm.map((axis) => reshaped.shape[axis]!),
    x!.dtype,
  );
  const spread = b.alias(moved, shape);
  const out = Slice(b, { x: spread }, { begin, size });
  for (const t of [reshaped, moved, spread]) b.disposeData(t.dataId);
  return out;
};

/** Space becomes blocks of the batch: pad, reshape, transpose, reshape. */
const SpaceToBatchND: Recorder<tf.SpaceToBatchNDAttrs> = (b, { x }, attrs) => {
  const { blockShape, paddings } = attrs;
  const blocks = sizeOf(blockShape);
  const complete: [number, number][] = [[0, 0], ...(paddings as [number, number][])];
  while (complete.length < x!.shape.length) complete.push([0, 0]);
  const padded = PadV2(b, { x: x! }, { paddings: complete, constantValue: 0 }) as tf.TensorInfo;
  const reshaped = b.alias(padded, tf.backend_util.getReshaped(padded.shape, blockShape, blocks, false));
  const perm = tf.backend_util.getPermuted(reshaped.shape.length, blockShape.length, false);
  const moved = b.record(
    'Transpose',
    { x: reshaped },
    { perm },
    perm.map((axis) => reshaped.shape[axis]!),
    x!.dtype,
  );
  const out = b.alias(moved, tf.backend_util.getReshapedPermuted(padded.shape, blockShape, blocks, false));
  for (const t of [padded, reshaped, moved]) b.disposeData(t.dataId);
  return out;
};

/** Channels become space (NHWC). */
const DepthToSpace: Recorder<tf.DepthToSpaceAttrs> = (b, { x }, attrs) => {
  const { blockSize, dataFormat } = attrs;
  if (dataFormat !== 'NHWC') return undefined;
  const [batch, height, width, channels] = x!.shape as [number, number, number, number];
  const depth = channels / (blockSize * blockSize);
  const split = b.alias(x!, [batch, height, width, blockSize, blockSize, depth]);
  const perm = [0, 1, 3, 2, 4, 5];
  const moved = b.record(
    'Transpose',
    { x: split },
    { perm },
    perm.map((axis) => split.shape[axis]!),
    x!.dtype,
  );
  const out = b.alias(moved, [batch, height * blockSize, width * blockSize, depth]);
  for (const t of [split, moved]) b.disposeData(t.dataId);
  return out;
};

const filled =
  (value: number): Recorder =>
  (b, { x }) =>
    x!.dtype === 'string' || x!.dtype === 'complex64' ? undefined : b.fill(x!.shape, value, x!.dtype);

const Fill: Recorder<tf.FillAttrs> = (b, _inputs, attrs) => {
  const { shape, value, dtype } = attrs;
  if (typeof value === 'string') return undefined;
  return b.fill(shape, value, dtype ?? tf.util.inferDtype(value));
};

/** Kernels that move elements without computing on them. */
export const SHAPE: RecorderTable = {
  Reshape,
  ExpandDims,
  Transpose,
  Slice,
  StridedSlice,
  PadV2,
  MirrorPad,
  Concat,
  Pack,
  Unpack,
  SplitV,
  Tile,
  Reverse,
  BatchToSpaceND,
  SpaceToBatchND,
  DepthToSpace,
  ZerosLike: filled(0),
  OnesLike: filled(1),
  Fill,
};
