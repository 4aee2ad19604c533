import type { Builder } from '../builder.js';
import { type Attributes, type Node, sizeOf, type Value } from '../value.js';
import { ELEMENTWISE, REDUCTIONS } from './operators.js';
import { fractionOf, hull, keptShape, meet, reshaped, type Stripe, stripeOf } from './stripe.js';

type MaybeStripe = Stripe | undefined;

/** What the pass `narrow` knows of an operation. */
export interface NarrowRule {
  /** The stripe outside of which the result is zero, given those of the operands; undefined where there is none. */
  support?(node: Node, supports: readonly MaybeStripe[]): MaybeStripe;
  /**
   * What of each operand is enough to compute the stripe `out` of the result, or all of it, where it is undefined; undefined
   * where the stripe cannot be computed by itself.
   */
  operands(node: Node, out: MaybeStripe, supports: readonly MaybeStripe[]): readonly MaybeStripe[] | undefined;
  /** Attributes of the operation on the stripe, where they are not those of the whole. */
  attrs?(node: Node, out: Stripe): Attributes;
  /** What to compute in place of the operation. */
  emit?(node: Node, operands: readonly Value[], out: MaybeStripe, b: Builder): Value | undefined;
}

const shapeOf = (node: Node) => node.outputs[0]!.shape;
const all = (node: Node): MaybeStripe[] => node.inputs.map(() => undefined);

/** An operand's stripe for one of the result, axes matched from the last; undefined where the operand is broadcast. */
function aligned(out: Stripe, operand: readonly number[], result: readonly number[]): MaybeStripe {
  const axis = out.axis - result.length + operand.length;
  return axis >= 0 && operand[axis] === result[out.axis] ? { ...out, axis } : undefined;
}

/** The result's stripe for one of an operand. */
function alignedUp(stripe: MaybeStripe, operand: readonly number[], result: readonly number[]): MaybeStripe {
  if (!stripe) return undefined;
  const axis = stripe.axis + result.length - operand.length;
  return operand[stripe.axis] === result[axis] ? { ...stripe, axis } : undefined;
}

/** The smaller of two stripes. */
export const narrower = (a: MaybeStripe, b: MaybeStripe): MaybeStripe =>
  !a || !b ? (a ?? b) : (meet(a, b) ?? (fractionOf(a) <= fractionOf(b) ? a : b));

/** Elementwise operations that are zero where all operands are. */
const ZERO_OF_ZEROS = new Set(
  'Abs Add BroadcastTo Cast Erf Identity Maximum Minimum Neg Relu Sign Square Sub Tanh'.split(' '),
);
/** Those that are zero where the first operand is. */
const ZERO_OF_FIRST = new Set(['RealDiv', 'FloorDiv', 'EluGrad']);

const elementwise: NarrowRule = {
  support(node, supports) {
    const result = shapeOf(node);
    const mine = supports.map((stripe, i) => alignedUp(stripe, node.inputs[i]!.shape, result));
    if (node.op === 'Multiply') return narrower(mine[0], mine[1]);
    if (ZERO_OF_FIRST.has(node.op)) return mine[0];
    if (node.op === 'Select') return hull(mine[1], mine[2]);
    return ZERO_OF_ZEROS.has(node.op) ? mine.reduce(hull) : undefined;
  },
  operands: (node, out) => (out ? node.inputs.map(({ shape }) => aligned(out, shape, shapeOf(node))) : all(node)),
  attrs: (node, out) => (node.op === 'BroadcastTo' ? { shape: keptShape(shapeOf(node), out) } : node.attrs),
};

/** Reductions: other axes keep their stripe; a sum over the axis of one takes no zeros. */
const reduction: NarrowRule = {
  support({ attrs }, [stripe]) {
    const axes = attrs.axes as number[];
    if (!stripe || axes.includes(stripe.axis)) return undefined;
    const before = axes.filter((axis) => axis < stripe.axis).length;
    return { ...stripe, axis: attrs.keepDims ? stripe.axis : stripe.axis - before };
  },
  operands({ op, inputs, attrs }, out, [support]) {
    const axes = attrs.axes as number[];
    if (!out) return [op === 'Sum' && support && axes.includes(support.axis) ? support : undefined];
    const kept = inputs[0]!.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
    return [{ ...out, axis: attrs.keepDims ? out.axis : kept[out.axis]! }];
  },
};

/** Operations along the last axis. */
const alongLast: NarrowRule = {
  operands: (node, out) => (out && out.axis === shapeOf(node).length - 1 ? undefined : [out]),
};

/** Operations along the axis that `axisOf` names, or along several. */
const along = (axesOf: (attrs: Attributes) => readonly number[], keepsZeros = false): NarrowRule => ({
  support: ({ attrs }, [stripe]) => (keepsZeros && stripe && !axesOf(attrs).includes(stripe.axis) ? stripe : undefined),
  operands: (node, out) => (out && axesOf(node.attrs).includes(out.axis) ? undefined : node.inputs.map(() => out)),
});

const transpose: NarrowRule = {
  support: ({ attrs }, [stripe]) => stripe && { ...stripe, axis: (attrs.perm as number[]).indexOf(stripe.axis) },
  operands: ({ attrs }, out) => [out && { ...out, axis: (attrs.perm as number[])[out.axis]! }],
};

const reshape: NarrowRule = {
  support: (node, [stripe]) => stripe && reshaped(stripe, node.inputs[0]!.shape, shapeOf(node)),
  operands(node, out) {
    if (!out) return [undefined];
    const before = reshaped(out, shapeOf(node), node.inputs[0]!.shape);
    return before && [before];
  },
  attrs: (node, out) => ({ shape: keptShape(shapeOf(node), out) }),
};

/** The only axis that is changed, or undefined where there is none or there are several. */
function onlyAxis(node: Node): number | undefined {
  const [from, to] = [node.inputs[0]!.shape, shapeOf(node)];
  const changed = from.flatMap((size, axis) => (size === to[axis] ? [] : [axis]));
  return changed.length === 1 ? changed[0] : undefined;
}

const isPlain = ({ groups, inner }: Stripe) => groups === 1 && inner === 1;

/** The slice itself as a stripe of its operand. */
function sliced(node: Node): MaybeStripe {
  const axis = onlyAxis(node);
  if (axis === undefined) return undefined;
  const begin = (node.attrs.begin as number[])[axis]!;
  return stripeOf(node.inputs[0]!.shape, axis, begin, begin + shapeOf(node)[axis]!);
}

const slice: NarrowRule = {
  support(node, [stripe]) {
    return stripe && node.inputs[0]!.shape[stripe.axis] === shapeOf(node)[stripe.axis] ? stripe : undefined;
  },
  operands(node, out) {
    const own = sliced(node);
    if (!out) return [own];
    if (own && out.axis === own.axis) {
      if (!isPlain(out)) return undefined;
      return [{ ...own, begin: own.begin + out.begin, end: own.begin + out.end }];
    }
    if (own && fractionOf(own) < fractionOf(out)) return undefined;
    return node.inputs[0]!.shape[out.axis] === shapeOf(node)[out.axis] ? [out] : undefined;
  },
  emit(node, [x], out, b) {
    const own = sliced(node);
    if (own && (!out || out.axis === own.axis)) return x;
    if (!out) return undefined;
    const size = keptShape(shapeOf(node), out);
    return b.emit('Slice', [x!], { begin: node.attrs.begin, size }, size, x!.dtype, ['x']);
  },
};

/** What was padded with zeros, as a stripe of the result. */
function padded(node: Node): MaybeStripe {
  const axis = onlyAxis(node);
  const isZero = !node.attrs.constantValue && node.outputs[0]!.dtype !== 'bool';
  if (axis === undefined || !isZero) return undefined;
  const [before, after] = (node.attrs.paddings as [number, number][])[axis]!;
  const size = node.inputs[0]!.shape[axis]!;
  return before < 0 || after < 0 ? undefined : stripeOf(shapeOf(node), axis, before, before + size);
}

const padding: NarrowRule = {
  support(node, [stripe]) {
    const kept = stripe && node.inputs[0]!.shape[stripe.axis] === shapeOf(node)[stripe.axis] ? stripe : undefined;
    const zeros = !node.attrs.constantValue;
    return narrower(padded(node), zeros ? kept : undefined);
  },
  operands(node, out) {
    const own = padded(node);
    if (!out) return [undefined];
    if (own && out.axis === own.axis) {
      const inside = meet(own, out);
      if (!inside || inside.begin !== out.begin || inside.end !== out.end) return undefined;
      const { shape } = node.inputs[0]!;
      return [stripeOf(shape, own.axis, inside.begin - own.begin, inside.end - own.begin)];
    }
    return node.inputs[0]!.shape[out.axis] === shapeOf(node)[out.axis] ? [out] : undefined;
  },
  emit(node, [x], out, b) {
    if (!out) return undefined;
    const own = padded(node);
    if (own && out.axis === own.axis) return x;
    return b.emit('PadV2', [x!], node.attrs, keptShape(shapeOf(node), out), x!.dtype, ['x']);
  },
};

/** Rows of the left operand, columns of the right one, or a batch axis of either; a contracted axis takes no zeros. */
const matmul: NarrowRule = {
  support(node, [a, b]) {
    const axes = productAxes(node);
    const rows = a && (a.axis === axes.a.free ? { ...a, axis: axes.rows } : batchStripe(node, 0, a));
    const columns = b && (b.axis === axes.b.free ? { ...b, axis: axes.columns } : batchStripe(node, 1, b));
    return narrower(rows, columns);
  },
  operands(node, out, [a, b]) {
    const axes = productAxes(node);
    if (out?.axis === axes.rows) return [{ ...out, axis: axes.a.free }, undefined];
    if (out?.axis === axes.columns) return [undefined, { ...out, axis: axes.b.free }];
    if (out) return node.inputs.map(({ shape }) => aligned(out, shape, shapeOf(node)));
    const left = a?.axis === axes.a.inner ? a : undefined;
    const right = b?.axis === axes.b.inner ? b : undefined;
    const inner = narrower(left && { ...left, axis: 0 }, right && { ...right, axis: 0 });
    return [inner && { ...inner, axis: axes.a.inner }, inner && { ...inner, axis: axes.b.inner }];
  },
};

/** Axes of a product's operands by their part in it. */
function productAxes({ inputs, outputs, attrs }: Node) {
  const [a, b, rank] = [inputs[0]!.shape.length, inputs[1]!.shape.length, outputs[0]!.shape.length];
  const of = (last: number, isLastFree: boolean) =>
    isLastFree ? { free: last - 1, inner: last - 2 } : { free: last - 2, inner: last - 1 };
  return {
    a: of(a, Boolean(attrs.transposeA)),
    b: of(b, !attrs.transposeB),
    rows: rank - 2,
    columns: rank - 1,
  };
}

function batchStripe(node: Node, index: number, stripe: Stripe): MaybeStripe {
  const { shape } = node.inputs[index]!;
  return stripe.axis < shape.length - 2 ? alignedUp(stripe, shape, shapeOf(node)) : undefined;
}

const gather: NarrowRule = {
  operands(node, out) {
    if (!out) return all(node);
    const along = node.attrs.axis as number;
    const rank = node.inputs[1]!.shape.length;
    if (out.axis < along) return [out, undefined];
    if (out.axis < along + rank) return [undefined, { ...out, axis: out.axis - along }];
    return [{ ...out, axis: out.axis - rank + 1 }, undefined];
  },
};

/** Rows that are zero need not be added. */
const segmentSum: NarrowRule = {
  support: (_node, [x]) => (x && x.axis > 0 ? x : undefined),
  operands(_node, out, [x]) {
    if (out) return out.axis > 0 ? [out, undefined] : undefined;
    return x?.axis === 0 ? [x, x] : [undefined, undefined];
  },
};

/** Random numbers are counted by their place in the row (axis 0) of the whole, wherever they are drawn. */
const random: NarrowRule = {
  operands: (_node, out) => (out?.axis === 0 ? undefined : [undefined]),
  attrs(node, out) {
    const shape = shapeOf(node);
    const step = out.inner * sizeOf(shape.slice(out.axis + 1));
    const picks = { every: out.length * step, begin: out.begin * step, end: out.end * step };
    return { ...node.attrs, shape: keptShape(shape, out), picks };
  },
};

/** Operations that can be computed for a stripe of their result; all others are computed whole, from whole operands. */
export const NARROW_RULES: Readonly<Record<string, NarrowRule>> = {
  ...Object.fromEntries([...ELEMENTWISE].map((op) => [op, elementwise])),
  ...Object.fromEntries([...REDUCTIONS].map((op) => [op, reduction])),
  ArgMax: { operands: reduction.operands },
  ArgMin: { operands: reduction.operands },
  Softmax: alongLast,
  LogSoftmax: alongLast,
  Cumsum: along(({ axis }) => [axis as number], true),
  Reverse: along(({ dims }) => dims as number[], true),
  Concat: along(({ axis }) => [axis as number]),
  Tile: along(({ reps }) => (reps as number[]).flatMap((count, axis) => (count === 1 ? [] : [axis])), true),
  Transpose: transpose,
  Reshape: reshape,
  Slice: slice,
  PadV2: padding,
  BatchMatMul: matmul,
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
  PhiloxUniform: random,
};
