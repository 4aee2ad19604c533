import type { Node, Value } from '@diptych/graph';
import type { Fold, Placed, Sharder } from './sharder.js';

/** One operation on shares of its operands; undefined where it needs all of them. */
type Rule = (node: Node, operands: readonly Placed[], s: Sharder) => Placed | Placed[] | undefined;

const outputOf = (node: Node) => node.outputs[0]!;

/** Each element by itself: the operands' shares along the axis of the largest one that is divided. */
const elementwise: Rule = (node, operands, s) => {
  const { shape } = outputOf(node);
  const placeOf = (placed: Placed) => placed.axis! + shape.length - placed.shape.length;
  const divided = operands.filter(({ axis }) => axis !== null);
  const leader = divided.reduce((a, b) => (b.value.size > a.value.size ? b : a));
  const axis = placeOf(leader);
  const values = operands.map((operand) => {
    const own = axis - (shape.length - operand.shape.length);
    return own < 0 || operand.shape[own] === 1 ? s.whole(operand) : s.share(operand, own);
  });
  return s.emit(node, values, axis, node.op === 'BroadcastTo' ? { shape: s.shareOf(shape, axis) } : node.attrs);
};

const reduction =
  (fold: Fold): Rule =>
  (node, [x], s) => {
    const axes = node.attrs.axes as readonly number[];
    if (!axes.includes(x!.axis!)) {
      const axis = node.attrs.keepDims ? x!.axis! : x!.axis! - axes.filter((folded) => folded < x!.axis!).length;
      return s.emit(node, [x!.value], axis);
    }
    const { value } = s.emit(node, [x!.value], null);
    return s.folded(value, fold);
  };

/** The mean of the devices' means: their shares are equally large. */
const mean: Rule = (node, operands, s) => {
  const found = reduction('add')(node, operands, s) as Placed;
  if (found.axis !== null) return found;
  const { builder, replicas } = s;
  return { ...found, value: builder.binary('Multiply', found.value, builder.fill(1 / replicas)) };
};

/** Along the last axis: softmax and the like, where the samples are along another. */
const alongLast: Rule = (node, operands, s) => {
  const [x, ...others] = operands as [Placed, ...Placed[]];
  if (x.axis === null || x.axis === x.shape.length - 1) return undefined;
  return s.emit(node, [x.value, ...others.map((operand) => s.whole(operand))], x.axis);
};

/** Several results, each a statistic of rows. */
const layerNorm: Rule = (node, operands, s) => {
  const [x, ...others] = operands as [Placed, ...Placed[]];
  const { axis } = x;
  if (axis === null || axis === x.shape.length - 1) return undefined;
  const types = node.outputs.map(({ shape, dtype }) => ({ shape: s.shareOf(shape, axis), dtype }));
  const values = [x.value, ...others.map((operand) => s.whole(operand))];
  return s.builder
    .emitMany(node.op, values, node.attrs, types, node.inputNames)
    .map((value, i) => ({ value, axis, shape: node.outputs[i]!.shape }));
};

/**
 * The same blocks of elements under another shape: the axis of the result before which the same number of elements lies, if it
 * can be divided.
 */
const reshape: Rule = (node, [x], s) => {
  const { shape } = outputOf(node);
  const before = (list: readonly number[], axis: number) => list.slice(0, axis).reduce((a, b) => a * b, 1);
  const outer = before(x!.shape, x!.axis!);
  const axis = shape.findIndex((_, i) => before(shape, i) === outer && s.divides(shape, i));
  return axis < 0 ? undefined : s.emit(node, [x!.value], axis, { ...node.attrs, shape: s.shareOf(shape, axis) });
};

const transpose: Rule = (node, [x], s) => s.emit(node, [x!.value], (node.attrs.perm as number[]).indexOf(x!.axis!));

/** An operation that leaves the samples' axis as it is, by its attributes; `attrs` are those for a share. */
const keepsAxis =
  (
    keeps: (node: Node, axis: number, length: number) => boolean,
    attrs?: (node: Node, axis: number, s: Sharder) => object,
  ): Rule =>
  (node, [x], s) => {
    const axis = x!.axis!;
    if (!keeps(node, axis, x!.shape[axis]!)) return undefined;
    return s.emit(node, [x!.value], axis, { ...node.attrs, ...attrs?.(node, axis, s) });
  };

const listAt = ({ attrs }: Node, name: string, axis: number) => (attrs[name] as readonly number[])[axis]!;

const shareOfList = (name: string) => (node: Node, axis: number, s: Sharder) => ({
  [name]: s.shareOf(node.attrs[name] as readonly number[], axis),
});

const concat: Rule = (node, operands, s) => {
  const leader = operands.find(({ axis }) => axis !== null && axis !== node.attrs.axis);
  if (!leader) return undefined;
  return s.emit(
    node,
    operands.map((operand) => s.share(operand, leader.axis!)),
    leader.axis,
  );
};

/** Rows of a table that every device has, or a table whose other axis holds the samples. */
const gather: Rule = (node, [x, indices], s) => {
  const along = node.attrs.axis as number;
  if (indices!.axis !== null) return s.emit(node, [s.whole(x!), indices!.value], along + indices!.axis);
  if (x!.axis === along || x!.axis === null) return undefined;
  const axis = x!.axis < along ? x!.axis : x!.axis + indices!.shape.length - 1;
  return s.emit(node, [x!.value, indices!.value], axis);
};

/** Sums of rows by id, of each device's own rows, added up. */
const segmentSum: Rule = (node, [x, ids], s) => {
  if (!s.divides(ids!.shape, 0)) return undefined;
  const { value } = s.emit(node, [s.share(x!, 0), s.share(ids!, 0)], null);
  return s.folded(value, 'add');
};

const oneHot: Rule = (node, [indices], s) => s.emit(node, [indices!.value], indices!.axis);

/** The last two axes of an operand of a product: the one that is summed over, and the other. */
const matrixAxes = ({ shape }: Placed, sumsLast: boolean) =>
  sumsLast ? { sum: shape.length - 1, other: shape.length - 2 } : { sum: shape.length - 2, other: shape.length - 1 };

const matmul: Rule = (node, operands, s) => {
  const [a, b] = operands as [Placed, Placed];
  const { shape } = outputOf(node);
  const rank = shape.length;
  const [left, right] = [matrixAxes(a, !node.attrs.transposeA), matrixAxes(b, Boolean(node.attrs.transposeB))];
  // samples are what is summed over: products of shares, added up
  if (a.axis === left.sum || b.axis === right.sum) {
    const values = [s.share(a, left.sum), s.share(b, right.sum)];
    const { value } = s.emit(node, values, null);
    return s.folded(value, 'add');
  }
  const isBatch = (x: Placed) => x.axis !== null && x.axis < x.shape.length - 2;
  const leader = [a, b].find(isBatch);
  if (leader) {
    const axis = leader.axis! + rank - leader.shape.length;
    const values = [a, b].map((x) => {
      const own = axis - (rank - x.shape.length);
      return own < 0 || x.shape[own] === 1 ? s.whole(x) : s.share(x, own);
    });
    return s.emit(node, values, axis);
  }
  // rows of one against all of the other
  if (a.axis === left.other) return s.emit(node, [a.value, s.whole(b)], rank - 2);
  if (b.axis === right.other) return s.emit(node, [s.whole(a), b.value], rank - 1);
  return undefined;
};

/** Images along the first axis of the operands named, all of the others. */
const ofImages =
  (...images: readonly number[]): Rule =>
  (node, operands, s) => {
    if (!images.every((i) => s.divides(operands[i]!.shape, 0))) return undefined;
    return s.emit(
      node,
      operands.map((operand, i) => (images.includes(i) ? s.share(operand, 0) : s.whole(operand))),
      0,
    );
  };

/** Gradients of filters: of each device's own images, added up. */
const ofFilters: Rule = (node, operands, s) => {
  if (!s.divides(operands[0]!.shape, 0)) return undefined;
  const { value } = s.emit(
    node,
    operands.map((operand) => s.share(operand, 0)),
    null,
  );
  return s.folded(value, 'add');
};

/** Statistics that are given; channels are last. */
const batchNorm: Rule = (node, operands, s) =>
  operands[0]!.axis === operands[0]!.shape.length - 1 ? undefined : alongLast(node, operands, s);

/** Rows of random numbers are those of the whole batch: each device begins at the row that its share begins with. */
const random: Rule = (node, [state], s) => {
  const { shape } = outputOf(node);
  if (!s.divides(shape, 0)) return undefined;
  const own = s.shareOf(shape, 0);
  const { builder, replicas } = s;
  const whole: Value = s.whole(state!);
  const moved = builder.emit('ReplicaState', [whole], { rows: own[0]!, replicas }, whole.shape, whole.dtype, ['state']);
  return s.emit(node, [moved], 0, { ...node.attrs, shape: own });
};

const each = (names: string, rule: Rule) => Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** Operations that compute on shares; all others see the whole. */
export const RULES: Readonly<Record<string, Rule>> = {
  ...each(
    'Abs Acos Acosh Add Asin Asinh Atan Atan2 Atanh BroadcastTo Cast Ceil ClipByValue Cos Cosh Elu EluGrad Equal Erf Exp Expm1 ' +
      'Floor FloorDiv Gelu Greater GreaterEqual Identity IsFinite IsInf IsNan LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot ' +
      'LogicalOr Maximum Minimum Mod Multiply Neg NotEqual Pow Prelu RealDiv Reciprocal Relu Relu6 Round Rsqrt Select Selu Sigmoid ' +
      'Sign Sin Sinh Softplus Sqrt Square SquaredDifference Step Sub Tan Tanh',
    elementwise,
  ),
  Sum: reduction('add'),
  SumOfSquares: reduction('add'),
  Mean: mean,
  Prod: reduction('multiply'),
  Max: reduction('maximum'),
  Min: reduction('minimum'),
  All: reduction('and'),
  Any: reduction('or'),
  ...each('Softmax LogSoftmax', alongLast),
  LayerNorm: layerNorm,
  Reshape: reshape,
  Transpose: transpose,
  Slice: keepsAxis((node, axis, length) => listAt(node, 'size', axis) === length, shareOfList('size')),
  PadV2: keepsAxis(({ attrs }, axis) => (attrs.paddings as number[][])[axis]!.every((count) => count === 0)),
  MirrorPad: keepsAxis(({ attrs }, axis) => (attrs.paddings as number[][])[axis]!.every((count) => count === 0)),
  Tile: keepsAxis((node, axis) => listAt(node, 'reps', axis) === 1),
  Reverse: keepsAxis(({ attrs }, axis) => !(attrs.dims as number[]).includes(axis)),
  Cumsum: keepsAxis(({ attrs }, axis) => attrs.axis !== axis),
  Concat: concat,
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
  BatchMatMul: matmul,
  ...each(
    'Conv2D Conv2DBackpropInput DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput MaxPool AvgPool',
    ofImages(0),
  ),
  ...each('Conv2DBackpropFilter DepthwiseConv2dNativeBackpropFilter', ofFilters),
  MaxPoolGrad: ofImages(0, 1, 2),
  AvgPoolGrad: ofImages(0, 1),
  FusedBatchNorm: batchNorm,
  PhiloxUniform: random,
  PhiloxMask: random,
};
