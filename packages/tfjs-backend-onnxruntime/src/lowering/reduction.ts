import type { Lowering, LoweringTable } from './emitter.js';

const reduce =
  (opType: string): Lowering =>
  (e, [x], { attrs }) =>
    (attrs.axes as number[]).length === 0
      ? e.op('Identity', [x!])
      : e.reduce(opType, x!, attrs.axes as number[], attrs.keepDims as boolean);

/** Rows of a matrix are summed faster by a product with ones (docs/engine-notes.md). */
const Sum: Lowering = (e, inputs, node) => {
  const [rows, columns] = node.inputs[0]!.shape;
  const ofRows = node.inputs[0]!.shape.length === 2 && (node.attrs.axes as number[]).join() === '0';
  if (!ofRows || e.portable || node.outputs[0]!.dtype !== 'float32' || columns! < 64)
    return reduce('ReduceSum')(e, inputs, node);
  const ones = e.constant(new Float32Array(rows!).fill(1), [1, rows!], 'float32');
  return e.reshape(e.matmul(ones, inputs[0]!), node.outputs[0]!.shape);
};

/** [n]: the sum of squares of each of n tensors. */
const SumsOfSquares: Lowering = (e, inputs, node) => {
  const sums = inputs.map((x, i) => {
    const { shape } = node.inputs[i]!;
    const axes = Array.from(shape.keys());
    return e.reshape(shape.length === 0 ? e.op('Mul', [x, x]) : e.reduce('ReduceSumSquare', x, axes, false), [1]);
  });
  return e.op('Concat', sums, { axis: 0 });
};

/** ONNX reduces numbers only: true is 1, so `all` is the minimum and `any` the maximum. */
const reduceBool =
  (opType: string): Lowering =>
  (e, inputs, node) =>
    e.cast(reduce(opType)(e, [e.cast(inputs[0]!, 'int32')], node) as string, 'bool');

/** ONNX Runtime's extremes pass over NaN or not, by its position; tfjs's are NaN as soon as there is one. */
const extreme =
  (opType: string): Lowering =>
  (e, [x], node) => {
    const found = reduce(opType)(e, [x!], node) as string;
    const axes = node.attrs.axes as number[];
    if (node.outputs[0]!.dtype !== 'float32' || axes.length === 0) return found;
    const spoiled = e.reduce('ReduceMax', e.cast(e.op('IsNaN', [x!]), 'float32'), axes, node.attrs.keepDims as boolean);
    return e.op('Where', [e.cast(spoiled, 'bool'), e.scalar(Number.NaN), found]);
  };

/** Index of an extreme; NaN is never one. */
const arg =
  (opType: string, least: number): Lowering =>
  (e, [given], { attrs, inputs }) => {
    const float = inputs[0]!.dtype === 'float32';
    const x = float ? e.op('Where', [e.op('IsNaN', [given!]), e.scalar(least), given!]) : given!;
    return e.cast(e.op(opType, [x], { axis: attrs.axis as number, keepdims: 0 }), 'int32');
  };

/** Kernels that fold or scan an axis. */
export const REDUCTION: LoweringTable = {
  Sum,
  SumOfSquares: reduce('ReduceSumSquare'),
  SumsOfSquares,
  Mean: reduce('ReduceMean'),
  Max: extreme('ReduceMax'),
  Min: extreme('ReduceMin'),
  Prod: reduce('ReduceProd'),
  All: reduceBool('ReduceMin'),
  Any: reduceBool('ReduceMax'),
  ArgMax: arg('ArgMax', Number.NEGATIVE_INFINITY),
  ArgMin: arg('ArgMin', Number.POSITIVE_INFINITY),
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
