import type { HloValue } from '../stablehlo/index.js';
import { reduce, take, takeAt } from '../stablehlo/index.js';
import { type Emitter, elementTypeOf, type Lowering, type LoweringTable } from './emitter.js';
import { inFloat32, moving } from './precision.js';
import { segmentSum } from './segment-sum.js';

/** True for places from 0 up to `size`. */
const isWithin = (e: Emitter, index: HloValue, size: number) =>
  e.and(e.compare('GE', index, e.like(index, 0)), e.compare('LT', index, e.like(index, size)));

/** What stands for elements that are not there: a NaN that no loss overlooks, the lowest whole number, false. */
const absent = (e: Emitter, like: HloValue) =>
  e.like(like, like.elementType === 'i32' ? -(2 ** 31) : like.elementType === 'i1' ? 0 : Number.NaN);

/** Places that only the run knows cannot be refused as tfjs does; what lies out of range is NaN instead of a neighbour. */
const GatherV2: Lowering = moving((e, [x, indices], { attrs }) => {
  const axis = attrs.axis as number;
  const rows = take(e, x!, indices!, axis);
  const axes = Array.from({ length: indices!.rank }, (_, i) => axis + i);
  const isThere = e.broadcastInDim(isWithin(e, indices!, x!.shape[axis]!), rows.shape, axes);
  return e.select(isThere, rows, absent(e, rows));
});

const GatherNd: Lowering = moving((e, [params, indices]) => {
  const depth = indices!.shape.at(-1)!;
  const found = takeAt(e, params!, indices!);
  const sizes = e.int32s(params!.shape.slice(0, depth));
  const wide = e.broadcastTo(sizes, indices!.shape);
  const each = e.and(e.compare('GE', indices!, e.like(indices!, 0)), e.compare('LT', indices!, wide));
  const all = reduce(e, 'and', each, [indices!.rank - 1], 1);
  const isThere = e.broadcastInDim(all, found.shape, [...all.shape.keys()]);
  return e.select(isThere, found, absent(e, found));
});

/** A comparison with 0 … depth-1: places out of range give a row of `offValue`. */
const OneHot: Lowering = (e, [indices], { attrs, outputs }) => {
  const { shape, dtype } = outputs[0]!;
  const places = e.iota(shape, shape.length - 1);
  const wide = e.broadcastInDim(indices!, shape, [...indices!.shape.keys()]);
  const type = { shape, elementType: elementTypeOf(dtype)! };
  const [on, off] = [attrs.onValue as number, attrs.offValue as number];
  return e.light(e.select(e.compare('EQ', wide, places), e.fill(on, type), e.fill(off, type)));
};

/** Kernels that look elements up or put them in place by index. */
export const INDEXING: LoweringTable = {
  GatherV2,
  GatherNd,
  OneHot,
  UnsortedSegmentSum: inFloat32((e, [x, ids], { outputs }) => segmentSum(e, x!, ids!, outputs[0]!.shape)),
};
