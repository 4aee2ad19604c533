import {
  Builder,
  broadcastShapes,
  copyNode,
  type Draft,
  type Rule,
  type RuleTable,
  rebuild,
  type Visitor,
} from '../builder.js';
import type { Program } from '../program.js';
import { allocate, type Node, type NumericData, sameShape, sizeOf, type Value } from '../value.js';

/** The value of a tensor of equal elements, if it is known to be one. */
export function splatOf(value: Value): number | undefined {
  return value.node?.op === 'Fill' ? (value.node.attrs.value as number) : undefined;
}

/** Rounds as storing into a tensor of this dtype does. */
function stored(value: number, dtype: Value['dtype']): number {
  const cell = allocate(dtype, 1);
  cell[0] = dtype === 'bool' ? Number(value !== 0) : value;
  return cell[0]!;
}

const FOLD_BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Multiply: (a, b) => a * b,
  RealDiv: (a, b) => a / b,
  Maximum: Math.max,
  Minimum: Math.min,
  Pow: (a, b) => a ** b,
};

const FOLD_UNARY: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Sqrt: Math.sqrt,
  Rsqrt: (x) => 1 / Math.sqrt(x),
  Square: (x) => x * x,
  Exp: Math.exp,
  Log: Math.log,
  Reciprocal: (x) => 1 / x,
  Abs: Math.abs,
};

/** Elementwise operations of one operand, which commute with broadcasting. */
const COMMUTES_WITH_BROADCAST = new Set([...Object.keys(FOLD_UNARY), 'Erf', 'Tanh', 'Sigmoid', 'Relu', 'Cast', 'Step']);

const foldUnary: Rule = ({ op, inputs: [x], dtype, shape }, b) => {
  const value = splatOf(x!);
  const fold = FOLD_UNARY[op];
  return value === undefined || !fold || dtype !== 'float32'
    ? undefined
    : b.fill(stored(fold(value), dtype), shape, dtype);
};

const foldBinary: Rule = ({ op, inputs: [x, y], dtype, shape }, b) => {
  const [p, q] = [splatOf(x!), splatOf(y!)];
  const fold = FOLD_BINARY[op];
  return p === undefined || q === undefined || !fold ? undefined : b.fill(stored(fold(p, q), dtype), shape, dtype);
};

/** What is broadcast to x's shape and then computed on is computed first. */
const unaryBeforeBroadcast: Rule = ({ op, inputs: [x], attrs, dtype, shape }, b) => {
  if (x!.node?.op !== 'BroadcastTo' || !COMMUTES_WITH_BROADCAST.has(op)) return undefined;
  return b.broadcastTo(b.unary(op, x!.node.inputs[0]!, attrs, dtype), shape);
};

/** The operand before broadcasting; a fill becomes a scalar. */
function unbroadcast(x: Value, b: Builder): Value {
  if (x.node?.op === 'BroadcastTo') return x.node.inputs[0]!;
  const splat = splatOf(x);
  return splat !== undefined && x.shape.length > 0 ? b.fill(splat, [], x.dtype) : x;
}

/**
 * Operands that were expanded in memory to meet the other one need not be: the operation broadcasts. Where neither
 * operand has the full shape, the operation runs small and its result is expanded.
 */
const binaryWithoutBroadcast: Rule = ({ op, inputs: [x, y], attrs, dtype, shape }, b) => {
  const [p, q] = [unbroadcast(x!, b), unbroadcast(y!, b)];
  if (p === x && q === y) return undefined;
  const small = broadcastShapes(p.shape, q.shape);
  return b.broadcastTo(b.emit(op, [p, q], attrs, small, dtype), shape);
};

/** Drops an operand that does not change the other: `x + 0`, `x * 1`. Applies to the right operand, or to either. */
const neutral =
  (element: number, side: 'right' | 'either'): Rule =>
  ({ inputs: [x, y], shape }, b) => {
    if (splatOf(y!) === element) return b.broadcastTo(x!, shape);
    if (side === 'either' && splatOf(x!) === element) return b.broadcastTo(y!, shape);
    return undefined;
  };

/** Division by a constant as multiplication; exact where the constant is a power of two, within one rounding elsewhere. */
const divideByConstant: Rule = ({ inputs: [x, y], shape, dtype }, b) => {
  const divisor = splatOf(y!);
  if (divisor === undefined || divisor === 0 || dtype !== 'float32' || !Number.isFinite(1 / divisor)) return undefined;
  return b.emit('Multiply', [x!, b.fill(Math.fround(1 / divisor))], {}, shape, dtype);
};

/** `x * step(y)` by a comparison: where x is a number, the same, and one pass over memory less. */
const multiplyByStep: Rule = ({ inputs, shape, dtype }, b) => {
  for (const [x, mask] of [inputs, [inputs[1], inputs[0]]] as [Value, Value][]) {
    if (dtype !== 'float32' || mask.node?.op !== 'Step' || mask.node.attrs.alpha) continue;
    const source = mask.node.inputs[0]!;
    const positive = b.emit('Greater', [source, b.fill(0)], {}, source.shape, 'bool');
    return b.emit('Multiply', [x, b.unary('Cast', positive, { dtype: 'float32' }, 'float32')], {}, shape, dtype);
  }
  return undefined;
};

const POWERS: Readonly<Record<number, (x: Value, b: Builder) => Value>> = {
  [-1]: (x, b) => b.unary('Reciprocal', x),
  [-0.5]: (x, b) => b.unary('Rsqrt', x),
  0.5: (x, b) => b.unary('Sqrt', x),
  1: (x) => x,
  1.5: (x, b) => b.binary('Multiply', x, b.unary('Sqrt', x)),
  2: (x, b) => b.unary('Square', x),
  3: (x, b) => b.binary('Multiply', x, b.unary('Square', x)),
};

const powerByConstant: Rule = ({ inputs: [x, y], shape, dtype }, b) => {
  const exponent = splatOf(y!);
  const rewrite = exponent === undefined ? undefined : POWERS[exponent];
  return rewrite && dtype === 'float32' && sameShape(x!.shape, shape) ? rewrite(x!, b) : undefined;
};

const addNegated: Rule = ({ op, inputs: [x, y], shape, dtype }, b) => {
  const other = op === 'Add' ? 'Sub' : 'Add';
  if (y!.node?.op === 'Neg') return b.emit(other, [x!, y!.node.inputs[0]!], {}, shape, dtype);
  if (op === 'Add' && x!.node?.op === 'Neg') return b.emit('Sub', [y!, x!.node.inputs[0]!], {}, shape, dtype);
  return undefined;
};

const dropIdentity: Rule = ({ inputs: [x], shape, dtype }) =>
  sameShape(x!.shape, shape) && x!.dtype === dtype ? x : undefined;

const movesNothing: Rule = ({ inputs: [x], attrs, shape }, b) => {
  const perm = attrs.perm as number[];
  if (perm.every((axis, i) => axis === i)) return x;
  const order = perm.filter((axis) => x!.shape[axis] !== 1);
  return order.every((axis, i) => i === 0 || axis > order[i - 1]!) ? b.reshape(x!, shape) : undefined;
};

const transposeTwice: Rule = ({ inputs: [x], attrs }, b) => {
  if (x!.node?.op !== 'Transpose') return undefined;
  const inner = x!.node.attrs.perm as number[];
  return b.transpose(
    x!.node.inputs[0]!,
    (attrs.perm as number[]).map((axis) => inner[axis]!),
  );
};

const reshapeTwice: Rule = ({ inputs: [x], shape }, b) =>
  x!.node?.op === 'Reshape' ? b.reshape(x!.node.inputs[0]!, shape) : undefined;

/** Moving the elements of a splat gives a splat. */
const movedFill: Rule = ({ inputs: [x], shape, dtype }, b) => {
  const value = splatOf(x!);
  return value === undefined ? undefined : b.fill(stored(value, dtype), shape, dtype);
};

const tileOfOnes: Rule = ({ inputs: [x], attrs, shape }, b) => {
  const reps = attrs.reps as number[];
  return x!.shape.every((dimension, i) => dimension === 1 || reps[i] === 1) ? b.broadcastTo(x!, shape) : undefined;
};

const broadcastTwice: Rule = ({ inputs: [x], shape }, b) =>
  x!.node?.op === 'BroadcastTo' ? b.broadcastTo(x!.node.inputs[0]!, shape) : undefined;

/** Reducing axes of length one is a reshape. */
const reduceNothing: Rule = ({ inputs: [x], attrs, shape }, b) =>
  (attrs.axes as number[]).every((axis) => x!.shape[axis] === 1) ? b.reshape(x!, shape) : undefined;

const reduceFill =
  (total: (value: number, count: number) => number): Rule =>
  ({ inputs: [x], attrs, shape, dtype }, b) => {
    const value = splatOf(x!);
    if (value === undefined) return undefined;
    const count = (attrs.axes as number[]).reduce((product, axis) => product * x!.shape[axis]!, 1);
    return b.fill(stored(total(value, count), dtype), shape, dtype);
  };

/** A condition that was expanded in memory need not be: the operation broadcasts. */
const selectWithoutBroadcast: Rule = ({ inputs: [condition, t, e], shape, dtype }, b) => {
  if (condition!.node?.op !== 'BroadcastTo') return undefined;
  const names = ['condition', 't', 'e'];
  return b.emit('Select', [condition!.node.inputs[0]!, t!, e!], {}, shape, dtype, names);
};

const wholeSlice: Rule = ({ inputs: [x], shape }) => (sameShape(x!.shape, shape) ? x : undefined);

const keepsFloat = ({ dtype }: Draft) => dtype === 'float32';
const forFloat =
  (rule: Rule): Rule =>
  (draft, b) =>
    keepsFloat(draft) ? rule(draft, b) : undefined;

const UNARY_RULES = [foldUnary, unaryBeforeBroadcast];
const binaryRules = (...own: Rule[]) => [foldBinary, ...own.map(forFloat), binaryWithoutBroadcast];

/** Algebra that costs nothing at run time, by operation. */
export const SIMPLIFICATIONS: RuleTable = {
  ...Object.fromEntries([...COMMUTES_WITH_BROADCAST].map((op) => [op, UNARY_RULES])),
  Identity: [dropIdentity],
  Cast: [dropIdentity, movedFill, unaryBeforeBroadcast],
  Add: binaryRules(neutral(0, 'either'), addNegated),
  Sub: binaryRules(neutral(0, 'right'), addNegated),
  Multiply: binaryRules(neutral(1, 'either'), multiplyByStep),
  RealDiv: binaryRules(neutral(1, 'right'), divideByConstant),
  Pow: binaryRules(powerByConstant),
  ...Object.fromEntries(
    [
      'Maximum',
      'Minimum',
      'SquaredDifference',
      'Greater',
      'GreaterEqual',
      'Less',
      'LessEqual',
      'Equal',
      'NotEqual',
    ].map((op) => [op, [foldBinary, binaryWithoutBroadcast]]),
  ),
  Reshape: [dropIdentity, movedFill, reshapeTwice],
  Transpose: [movedFill, movesNothing, transposeTwice],
  BroadcastTo: [dropIdentity, movedFill, broadcastTwice],
  Tile: [movedFill, tileOfOnes],
  Select: [selectWithoutBroadcast],
  Slice: [wholeSlice, movedFill],
  Sum: [reduceFill((value, count) => value * count), reduceNothing],
  Mean: [reduceFill((value) => value), reduceNothing],
  Max: [reduceFill((value) => value), reduceNothing],
  Min: [reduceFill((value) => value), reduceNothing],
};

/**
 * Common subexpressions, constant folding and algebra. `isConstant` says which leaves may be looked into: those of
 * equal elements become fills.
 */
export function simplify(program: Program, isConstant: (leaf: Value) => boolean): Program {
  const builder = new Builder(SIMPLIFICATIONS);
  const visit: Visitor = (node, inputs, b) => {
    const replace = WITH_INDICES[node.op];
    const indices = inputs[1];
    const first = replace && indices && firstOfRun(indices, isConstant);
    return first === undefined ? copyNode(node, inputs, b) : [replace!(node, inputs[0]!, indices!, first, b)];
  };
  return rebuild(program, builder, visit, (leaf) => {
    if (!isConstant(leaf) || leaf.dtype === 'string' || leaf.data === null) return leaf;
    const value = uniformValue(leaf.data as NumericData);
    return value === undefined ? leaf : builder.fill(value, leaf.shape, leaf.dtype);
  });
}

/** Operations of x and constant indices that follow one another, as operations that leave elements side by side. */
const WITH_INDICES: Readonly<
  Record<string, (node: Node, x: Value, indices: Value, first: number, b: Builder) => Value>
> = {
  GatherV2({ attrs, outputs }, x, indices, first, b) {
    const axis = attrs.axis as number;
    const begin = x.shape.map((_, i) => (i === axis ? first : 0));
    const size = x.shape.map((dimension, i) => (i === axis ? indices.size : dimension));
    return b.reshape(b.emit('Slice', [x], { begin, size }, size, x.dtype, ['x']), outputs[0]!.shape);
  },
  UnsortedSegmentSum({ outputs }, x, indices, first, b) {
    const { shape } = outputs[0]!;
    const after = shape[0]! - first - indices.size;
    const paddings = shape.map((_, i) => (i === 0 ? [first, after] : [0, 0]));
    return b.emit('PadV2', [x], { paddings, constantValue: 0 }, shape, x.dtype, ['x']);
  },
};

/** The first of indices that are known and each one more than the one before. */
function firstOfRun(indices: Value, isConstant: (leaf: Value) => boolean): number | undefined {
  const alone = indices.size === 1 ? splatOf(indices) : undefined;
  if (alone !== undefined) return alone;
  if (indices.node || !isConstant(indices) || indices.data === null) return undefined;
  const data = indices.data as NumericData;
  return data.every((index, i) => index === data[0]! + i) ? data[0] : undefined;
}

/** The one element that an array repeats, or undefined. */
export function uniformValue(data: NumericData): number | undefined {
  const first = data[0];
  if (first === undefined) return undefined;
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], first)) return undefined;
  return first;
}

/** Elements of all nodes' outputs: a first guess at how much work a program is. */
export function countElements(program: Program): number {
  return program.nodes.reduce((sum, node) => sum + node.outputs.reduce((s, { shape }) => s + sizeOf(shape), 0), 0);
}
