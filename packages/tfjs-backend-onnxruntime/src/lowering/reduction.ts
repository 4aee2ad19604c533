import type { Lowering, LoweringTable } from './emitter.js';

const reduce =
  (opType: string): Lowering =>
  (e, [x], { attrs }) =>
    (attrs.axes as number[]).length === 0
      ? e.op('Identity', [x!])
      : e.reduce(opType, x!, attrs.axes as number[], attrs.keepDims as boolean);

/** ONNX reduces numbers only: true is 1, so `all` is the minimum and `any` the maximum. */
const reduceBool =
  (opType: string): Lowering =>
  (e, inputs, node) =>
    e.cast(reduce(opType)(e, [e.cast(inputs[0]!, 'int32')], node) as string, 'bool');

const arg =
  (opType: string): Lowering =>
  (e, [x], { attrs }) =>
    e.cast(e.op(opType, [x!], { axis: attrs.axis as number, keepdims: 0 }), 'int32');

/** Kernels that fold or scan an axis. */
export const REDUCTION: LoweringTable = {
  Sum: reduce('ReduceSum'),
  Mean: reduce('ReduceMean'),
  Max: reduce('ReduceMax'),
  Min: reduce('ReduceMin'),
  Prod: reduce('ReduceProd'),
  All: reduceBool('ReduceMin'),
  Any: reduceBool('ReduceMax'),
  ArgMax: arg('ArgMax'),
  ArgMin: arg('ArgMin'),
  Cumsum: (e, [x], { attrs }) =>
    e.op('CumSum', [x!, e.int64s([attrs.axis as number])], {
      exclusive: Number(attrs.exclusive),
      reverse: Number(attrs.reverse),
    }),
  TopK: (e, [x], { attrs }) => {
    const [values, indices] = e.ops('TopK', [x!, e.int64s([attrs.k as number])], 2, {
      axis: -1,
      largest: 1,
      sorted: 1,
    });
    return [values!, e.cast(indices!, 'int32')];
  },
};
