// Where a program computes in bfloat16. Weights, gradients of weights, statistics, sums and losses are float32; products and
// convolutions take bfloat16 and sum in float32 (Micikevicius et al. 2018; Kalamkar et al. 2019); between them, images and token
// rows lie in memory as bfloat16 and are computed on in float32.
import type { Node, Program, Value } from '@diptych/graph';
import type { ElementType, HloValue } from '../stablehlo/index.js';
import type { Emitter, Lowering } from './emitter.js';

/** What reads a number as it is: losses and updates. */
const EXACT_READERS = new Set([
  'AdamW',
  'SumsOfSquares',
  'SumOfSquares',
  'Log',
  'Log1p',
  'LogSoftmax',
  'Exp',
  'Softplus',
]);

/** What passes its operands on element by element, so that an exact result takes exact operands. */
const PASSES_ON = new Set(
  (
    'Abs Add Cast ClipByValue Concat EluGrad Identity LeakyRelu Maximum Minimum Multiply Neg PadV2 Prelu RealDiv ' +
    'Reciprocal Relu Relu6 ReplicaShare Reshape Reverse Rsqrt Select Sigmoid Sqrt Square SquaredDifference Sub Tanh Tile Transpose'
  ).split(' '),
);

/**
 * The values that stay float32 in a program of bfloat16: its results, what a loss or an update reads, and what these are element by
 * element of, down to the next product, convolution, sum or slice.
 */
export function exactValues({ nodes, outputs }: Program): ReadonlySet<Value> {
  const exact = new Set<Value>(outputs);
  for (const node of [...nodes].reverse()) {
    const reads =
      EXACT_READERS.has(node.op) || (PASSES_ON.has(node.op) && node.outputs.some((output) => exact.has(output)));
    if (reads) for (const input of node.inputs) exact.add(input);
  }
  return exact;
}

const isFloat = (x: HloValue) => x.elementType === 'f32' || x.elementType === 'bf16';

/** In float32. */
export const widen = (e: Emitter, x: HloValue): HloValue => (x.elementType === 'bf16' ? e.convert(x, 'f32') : x);

/** In bfloat16 where the program computes in it. */
export const narrowed = (e: Emitter, x: HloValue): HloValue =>
  e.target.precision === 'bf16' && x.elementType === 'f32' ? e.convert(x, 'bf16') : x;

/**
 * The type in which the result of several operands is kept: bfloat16 if the largest of them are. Smaller operands, and
 * those that are light, do not decide.
 */
export function commonType(
  e: Emitter,
  operands: readonly HloValue[],
  node: Node,
): { type: ElementType; isLight: boolean } {
  const floats = operands.filter(isFloat);
  const heavy = floats.filter((x) => !e.isLight(x));
  const largest = heavy.filter((x) => x.size >= node.outputs[0]!.size);
  const deciding = largest.length > 0 ? largest : heavy;
  const isNarrow = deciding.length > 0 && deciding.every((x) => x.elementType === 'bf16');
  const type = isNarrow && !e.isExact(node.outputs[0]!) ? 'bf16' : 'f32';
  return { type, isLight: floats.length > 0 && heavy.length === 0 };
}

/** Computes element by element in float32, and keeps the result in the type of its operands. */
export const elementwise =
  (lowering: Lowering): Lowering =>
  (e, inputs, node) => {
    if (e.target.precision !== 'bf16' || node.outputs[0]!.dtype !== 'float32') {
      return lowering(
        e,
        inputs.map((x) => widen(e, x)),
        node,
      );
    }
    const { type, isLight } = commonType(e, inputs, node);
    const result = lowering(
      e,
      inputs.map((x) => widen(e, x)),
      node,
    ) as HloValue;
    const kept = e.convert(result, type);
    return isLight ? e.light(kept) : kept;
  };

/** Moves elements, in the type that they have; of several operands, in the one that most are of. */
export const moving =
  (lowering: Lowering): Lowering =>
  (e, inputs, node) => {
    const floats = inputs.filter(isFloat);
    if (floats.every((x) => x.elementType === floats[0]!.elementType)) {
      const result = lowering(e, inputs, node);
      if (!Array.isArray(result) && floats.length > 0 && floats.every((x) => e.isLight(x))) e.light(result);
      return result;
    }
    const heavy = floats.filter((x) => !e.isLight(x));
    const elements = (type: ElementType) => heavy.reduce((sum, x) => sum + (x.elementType === type ? x.size : 0), 0);
    const isNarrow = elements('bf16') >= elements('f32') && !e.isExact(node.outputs[0]!);
    const type = isNarrow ? 'bf16' : 'f32';
    return lowering(
      e,
      inputs.map((x) => (isFloat(x) ? e.convert(x, type) : x)),
      node,
    );
  };

/** Computes in float32 and keeps float32: sums, statistics, updates, indices. */
export const inFloat32 =
  (lowering: Lowering): Lowering =>
  (e, inputs, node) =>
    lowering(
      e,
      inputs.map((x) => widen(e, x)),
      node,
    );

/** Normalises in float32 and keeps the first result in the type of the first operand; further results are statistics. */
export const normalizing =
  (lowering: Lowering): Lowering =>
  (e, inputs, node) => {
    const results = [
      lowering(
        e,
        inputs.map((x) => widen(e, x)),
        node,
      ),
    ].flat();
    const type = e.isExact(node.outputs[0]!) ? 'f32' : inputs[0]!.elementType;
    return [e.convert(results[0]!, type), ...results.slice(1)];
  };
