import { Builder } from '../builder.js';
import { extractProgram, type Program } from '../program.js';
import { type Attributes, type Node, sameShape, sizeOf, type Value } from '../value.js';
import { ELEMENTWISE, REDUCTIONS } from './operators.js';
import { SIMPLIFICATIONS } from './simplify.js';

/**
 * A value as it lies in memory: axis `i` of `value` is axis `perm[i]` of the tensor that the program means. So a
 * transpose is free until an operation requires an order.
 */
interface Stored {
  value: Value;
  perm: readonly number[];
}

/** Orders in which convolution engines want images and filters, given tfjs's NHWC and HWIO. */
const NCHW = [0, 3, 1, 2];
const OIHW = [3, 2, 0, 1];
/** tfjs's depthwise filter [height, width, channel, multiplier] with the channel first. */
const CMHW = [2, 3, 0, 1];

/**
 * Operations that insist on an order: of each input, then of the first output. Other inputs and outputs are as the
 * program has them.
 */
const REQUIRED_LAYOUTS: Readonly<Record<string, { inputs: readonly number[][]; output: readonly number[] }>> = {
  Conv2D: { inputs: [NCHW, OIHW], output: NCHW },
  Conv2DBackpropInput: { inputs: [NCHW, OIHW], output: NCHW },
  Conv2DBackpropFilter: { inputs: [NCHW, NCHW], output: OIHW },
  DepthwiseConv2dNative: { inputs: [NCHW, CMHW], output: NCHW },
  DepthwiseConv2dNativeBackpropInput: { inputs: [NCHW, CMHW], output: NCHW },
  DepthwiseConv2dNativeBackpropFilter: { inputs: [NCHW, NCHW], output: CMHW },
  MaxPool: { inputs: [NCHW], output: NCHW },
  MaxPoolGrad: { inputs: [NCHW, NCHW, NCHW], output: NCHW },
  AvgPool: { inputs: [NCHW], output: NCHW },
  AvgPoolGrad: { inputs: [NCHW, NCHW], output: NCHW },
  ChannelAffine: { inputs: [NCHW], output: NCHW },
  BatchNormTrain: { inputs: [NCHW], output: NCHW },
};

/** Attributes that list something for each axis, or name axes, of operations whose input and output have one rank. */
const PER_AXIS: Readonly<Record<string, readonly string[]>> = {
  PadV2: ['paddings'],
  MirrorPad: ['paddings'],
  Slice: ['begin', 'size'],
  StridedSlice: ['begin', 'end', 'strides'],
  Tile: ['reps'],
};
const AXIS_NAMES: Readonly<Record<string, readonly string[]>> = {
  Concat: ['axis'],
  Reverse: ['dims'],
  Cumsum: ['axis'],
};

/** Operations along the last axis, which therefore has to be last in memory; the others may lie in any order. */
const ALONG_LAST = new Set(['Softmax', 'LogSoftmax']);

const identity = (rank: number) => Array.from({ length: rank }, (_, i) => i);
const isIdentity = (perm: readonly number[]) => perm.every((axis, i) => axis === i);
const permute = <T>(list: readonly T[], perm: readonly number[]) => perm.map((axis) => list[axis]!);

/**
 * Assigns a memory order to every value so that convolutions get channels first and nothing is transposed that need
 * not be: orders spread forward through elementwise operations, reductions and slices, whose attributes are rewritten,
 * and a program's own transposes only relabel axes. After this pass shapes and attributes are those of memory, and the
 * operations of the table `REQUIRED_LAYOUTS` work on channels-first images and `[out, in, height, width]` filters. Inputs and
 * outputs of the program keep the order they had.
 *
 * @param options `spread: false` keeps every value in the program's order: each convolution then transposes for itself,
 *   which shows what the pass is worth
 */
export function assignLayouts(program: Program, { spread = true }: { spread?: boolean } = {}): Program {
  const builder = new Builder(SIMPLIFICATIONS);
  const stored = new Map<Value, Stored>();
  const look = (value: Value): Stored => {
    let found = stored.get(value);
    if (!found) {
      found = { value, perm: identity(value.shape.length) };
      stored.set(value, found);
    }
    return found;
  };
  for (const node of program.nodes) {
    const results = layOut(node, node.inputs.map(look), builder);
    node.outputs.forEach((output, i) => {
      const result = results[i]!;
      stored.set(output, spread ? result : inProgramOrder(result, builder));
    });
  }
  return extractProgram(program.outputs.map((output) => inOrder(look(output), identity(output.shape.length), builder)));
}

/** `x` with its axes in memory as `perm` says. */
function inOrder(x: Stored, perm: readonly number[], builder: Builder): Value {
  return builder.transpose(
    x.value,
    perm.map((axis) => x.perm.indexOf(axis)),
  );
}

function inProgramOrder(x: Stored, builder: Builder): Stored {
  return { value: inOwnOrder(x, builder), perm: identity(x.perm.length) };
}

function layOut(node: Node, inputs: Stored[], builder: Builder): Stored[] {
  const required = REQUIRED_LAYOUTS[node.op] ?? batchNormLayouts(node);
  if (required) {
    const operands = inputs.map((x, i) => inOrder(x, required.inputs[i] ?? identity(x.perm.length), builder));
    return emitStored(node, operands, node.attrs, required.output, builder);
  }
  if (node.op === 'Transpose') return [relabel(inputs[0]!, node.attrs.perm as number[])];
  if (ELEMENTWISE.has(node.op)) return elementwise(node, inputs, builder);
  if (REDUCTIONS.has(node.op)) return reduction(node, inputs[0]!, builder);
  if (node.op in PER_AXIS || node.op in AXIS_NAMES) return axiswise(node, inputs, builder);
  if (node.op === 'BatchMatMul') return matmul(node, inputs, builder);
  if (ALONG_LAST.has(node.op) && inputs[0]!.perm.at(-1) === inputs[0]!.perm.length - 1) {
    return emitStored(node, [inputs[0]!.value], node.attrs, inputs[0]!.perm, builder);
  }
  const operands = inputs.map((x) => inOrder(x, identity(x.perm.length), builder));
  return emitStored(node, operands, node.attrs, identity(node.outputs[0]!.shape.length), builder);
}

/** Channels first for batch normalisation of any rank. */
function batchNormLayouts(node: Node): (typeof REQUIRED_LAYOUTS)[string] | undefined {
  if (node.op !== 'FusedBatchNorm') return undefined;
  const rank = node.outputs[0]!.shape.length;
  const perm = [0, rank - 1, ...identity(rank).slice(1, -1)].slice(0, rank);
  return rank > 1 ? { inputs: [perm], output: perm } : undefined;
}

function emitStored(
  node: Node,
  operands: readonly Value[],
  attrs: Attributes,
  perm: readonly number[],
  builder: Builder,
): Stored[] {
  const [first, ...others] = node.outputs;
  const shape = permute(first!.shape, perm);
  if (others.length === 0) {
    return [{ value: builder.emit(node.op, operands, attrs, shape, first!.dtype, node.inputNames), perm }];
  }
  const types = [{ shape, dtype: first!.dtype }, ...others];
  return builder
    .emitMany(node.op, operands, attrs, types, node.inputNames)
    .map((value, i) => ({ value, perm: i === 0 ? perm : identity(value.shape.length) }));
}

/** A transpose moves nothing: it renames the axes of what lies in memory. */
function relabel(x: Stored, perm: readonly number[]): Stored {
  return { value: x.value, perm: x.perm.map((axis) => perm.indexOf(axis)) };
}

/** Runs in the order of the largest operand of full rank that has one of its own. */
function elementwise(node: Node, inputs: Stored[], builder: Builder): Stored[] {
  const { shape } = node.outputs[0]!;
  const rank = shape.length;
  let leader: Stored | undefined;
  for (const x of inputs) {
    if (x.perm.length !== rank || isIdentity(x.perm)) continue;
    if (!leader || x.value.size > leader.value.size) leader = x;
  }
  // A small operand does not decide over a large one that lies in the program's own order.
  const largest = Math.max(...inputs.map((x) => x.value.size));
  const perm = leader && leader.value.size === largest ? leader.perm : identity(rank);
  const operands = inputs.map((x) => aligned(x, perm, builder));
  const attrs = node.op === 'BroadcastTo' ? { shape: permute(shape, perm) } : node.attrs;
  return emitStored(node, operands, attrs, perm, builder);
}

/** An operand in the order `perm` of the result, with leading axes of one where it has fewer. */
function aligned(x: Stored, perm: readonly number[], builder: Builder): Value {
  const missing = perm.length - x.perm.length;
  if (isIdentity(perm) || sizeOf(x.value.shape) === 1)
    return missing > 0 || isIdentity(x.perm) ? inOwnOrder(x, builder) : inOrder(x, perm, builder);
  if (missing === 0) return inOrder(x, perm, builder);
  const own = inOwnOrder(x, builder);
  const padded = builder.reshape(own, [...Array<number>(missing).fill(1), ...own.shape]);
  return builder.transpose(padded, perm);
}

const inOwnOrder = (x: Stored, builder: Builder) => inOrder(x, identity(x.perm.length), builder);

function reduction(node: Node, x: Stored, builder: Builder): Stored[] {
  const axes = node.attrs.axes as number[];
  const keepDims = node.attrs.keepDims as boolean;
  const kept = x.perm.filter((axis) => !axes.includes(axis));
  const ranks = [...kept].sort((a, b) => a - b);
  const perm = keepDims ? x.perm : kept.map((axis) => ranks.indexOf(axis));
  const placed = x.perm.flatMap((axis, i) => (axes.includes(axis) ? [i] : []));
  return emitStored(node, [x.value], { ...node.attrs, axes: placed, axis: placed }, perm, builder);
}

function axiswise(node: Node, inputs: Stored[], builder: Builder): Stored[] {
  const { perm } = inputs.find((x) => !isIdentity(x.perm)) ?? inputs[0]!;
  const attrs: Record<string, unknown> = { ...node.attrs };
  for (const name of PER_AXIS[node.op] ?? []) attrs[name] = permute(attrs[name] as unknown[], perm);
  for (const name of AXIS_NAMES[node.op] ?? []) {
    const axes = attrs[name] as number | number[];
    attrs[name] = Array.isArray(axes) ? axes.map((axis) => perm.indexOf(axis)) : perm.indexOf(axes);
  }
  return emitStored(
    node,
    inputs.map((x) => inOrder(x, perm, builder)),
    attrs,
    perm,
    builder,
  );
}

/** A matrix product takes a transposed operand as it lies. */
function matmul(node: Node, inputs: Stored[], builder: Builder): Stored[] {
  const attrs: Record<string, unknown> = { ...node.attrs };
  const operands = inputs.map((x, i) => {
    const rank = x.perm.length;
    const swapped = [...identity(rank).slice(0, -2), rank - 1, rank - 2];
    if (!sameShape(x.perm, swapped)) return inOwnOrder(x, builder);
    const name = i === 0 ? 'transposeA' : 'transposeB';
    attrs[name] = !attrs[name];
    return x.value;
  });
  return emitStored(node, operands, attrs, identity(node.outputs[0]!.shape.length), builder);
}
