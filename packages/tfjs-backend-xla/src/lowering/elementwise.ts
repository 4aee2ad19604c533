import { type Node, splatOf } from '@diptych/graph';
import { backend_util } from '@tensorflow/tfjs-core';
import type { HloValue } from '../stablehlo/index.js';
import { type Emitter, elementTypeOf, type Lowering, type LoweringTable } from './emitter.js';
import { elementwise } from './precision.js';

/** tfjs kernels that are operations of StableHLO by another name. */
const UNARY: Readonly<Record<string, string>> = {
  Abs: 'abs', Ceil: 'ceil', Cos: 'cosine', Exp: 'exponential', Expm1: 'exponential_minus_one', Floor: 'floor',
  Log: 'log', Log1p: 'log_plus_one', LogicalNot: 'not', Neg: 'negate', Round: 'round_nearest_even', Rsqrt: 'rsqrt',
  Sigmoid: 'logistic', Sin: 'sine', Sqrt: 'sqrt', Tan: 'tan', Tanh: 'tanh',
}; // biome-ignore format: a table

/** tfjs kernels that are functions of CHLO. */
const SPECIAL: Readonly<Record<string, string>> = {
  Acos: 'acos', Acosh: 'acosh', Asin: 'asin', Asinh: 'asinh', Atan: 'atan', Atanh: 'atanh', Cosh: 'cosh', Erf: 'erf', Sinh: 'sinh',
}; // biome-ignore format: a table

const BINARY: Readonly<Record<string, string>> = {
  Add: 'add', Atan2: 'atan2', LogicalAnd: 'and', LogicalOr: 'or', Maximum: 'maximum', Minimum: 'minimum', Multiply: 'multiply',
  RealDiv: 'divide', Sub: 'subtract',
}; // biome-ignore format: a table

const COMPARISONS = {
  Equal: 'EQ', NotEqual: 'NE', Greater: 'GT', GreaterEqual: 'GE', Less: 'LT', LessEqual: 'LE',
} as const; // biome-ignore format: a table

type Compute = (e: Emitter, ...operands: HloValue[]) => HloValue;

/** One operand. */
const unary = (compute: (e: Emitter, x: HloValue, node: Node) => HloValue): Lowering =>
  elementwise((e, [x], node) => compute(e, x!, node));

/** Operands that are repeated until they have the result's shape. */
const broadcasting = (compute: Compute): Lowering =>
  elementwise((e, inputs, { outputs }) => compute(e, ...inputs.map((x) => e.broadcastTo(x, outputs[0]!.shape))));

const zero = (e: Emitter, x: HloValue) => e.like(x, 0);
const isNegative = (e: Emitter, x: HloValue) => e.compare('LT', x, zero(e, x));
const isNan = (e: Emitter, x: HloValue) => e.compare('NE', x, x);

/** x where it is not negative, else what `negative` makes of it. */
const split = (e: Emitter, x: HloValue, negative: (x: HloValue) => HloValue) =>
  e.select(isNegative(e, x), negative(x), x);

/** -1, 0, 1; 0 for NaN, as tfjs has it. */
const Sign = unary((e, x) => {
  const positive = e.select(e.compare('GT', x, zero(e, x)), e.like(x, 1), zero(e, x));
  return e.select(isNegative(e, x), e.like(x, -1), positive);
});

/** `alpha` where x is not above zero, NaN where it is NaN. */
const Step = unary((e, x, { attrs }) => {
  const alpha = (attrs.alpha as number | undefined) ?? 0;
  const rest = e.select(isNan(e, x), x, e.like(x, alpha));
  return e.select(e.compare('GT', x, zero(e, x)), e.like(x, 1), rest);
});

/** log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
const Softplus = unary((e, x) => {
  const tail = e.unary('log_plus_one', e.unary('exponential', e.unary('negate', e.unary('abs', x))));
  return e.add(e.maximum(x, zero(e, x)), tail);
});

const Selu = unary((e, x) => {
  const negative = e.multiply(e.unary('exponential_minus_one', x), e.like(x, backend_util.SELU_SCALEALPHA));
  return e.select(isNegative(e, x), negative, e.multiply(x, e.like(x, backend_util.SELU_SCALE)));
});

/** x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016). */
const Gelu = unary((e, x) => {
  const erf = e.special('erf', e.multiply(x, e.like(x, Math.SQRT1_2)));
  return e.multiply(e.multiply(x, e.like(x, 0.5)), e.add(erf, e.like(x, 1)));
});

const between = (low: (node: Node) => number, high: (node: Node) => number) =>
  unary((e, x, node) => e.minimum(e.maximum(x, e.like(x, low(node))), e.like(x, high(node))));

/** a mod b with the sign of b, as Python and tfjs have it. */
const Mod = broadcasting((e, a, b) => {
  const rest = e.binary('remainder', a, b);
  const sameSign = e.compare('EQ', isNegative(e, a), isNegative(e, b));
  return e.select(sameSign, rest, e.binary('remainder', e.add(rest, b), b));
});

/** Rounded down; whole numbers by zero give 0, as a store of NaN and infinities into an Int32Array does. */
const FloorDiv = broadcasting((e, a, b) => {
  if (a.elementType !== 'i32') return e.unary('floor', e.divide(a, b));
  const byZero = e.compare('EQ', b, zero(e, b));
  const divisor = e.select(byZero, e.like(b, 1), b);
  const quotient = e.divide(a, divisor);
  const rest = e.binary('remainder', a, divisor);
  const isBelow = e.and(
    e.compare('NE', rest, zero(e, rest)),
    e.compare('NE', isNegative(e, rest), isNegative(e, divisor)),
  );
  const down = e.select(isBelow, e.subtract(quotient, e.like(quotient, 1)), quotient);
  return e.select(byZero, zero(e, down), down);
});

/**
 * a to the power of b. C has pow(1, NaN) and pow(-1, infinity) as 1, JavaScript as NaN; where b is one finite number there is
 * nothing to mend.
 */
const Pow: Lowering = elementwise((e, inputs, { inputs: [, exponent], outputs }) => {
  const [a, b] = inputs.map((x) => e.broadcastTo(x, outputs[0]!.shape)) as [HloValue, HloValue];
  const power = e.binary('power', a, b);
  if (Number.isFinite(splatOf(exponent!))) return power;
  const isOne = e.compare('EQ', e.unary('abs', a), e.like(a, 1));
  return e.select(e.and(isOne, e.not(e.isFinite(b))), e.like(a, Number.NaN), power);
});

const EluGrad = broadcasting((e, dy, y) => e.select(isNegative(e, y), e.multiply(dy, e.add(y, e.like(y, 1))), dy));

/** Beyond this, floats are multiples of 2 ** 40. */
const LARGE = 2 ** 63;

/**
 * Floats to whole numbers are truncated and wrap around at 32 bits, NaN and infinities are 0, as a store into an Int32Array has
 * it; XLA by itself keeps to the nearest.
 */
function toInt32(e: Emitter, x: HloValue): HloValue {
  const isSmall = e.compare('LT', e.unary('abs', x), e.like(x, LARGE));
  return e.convert(e.convert(e.select(isSmall, x, zero(e, x)), 'i64'), 'i32');
}

const Cast: Lowering = (e, [x], { inputs, outputs }) => {
  const to = elementTypeOf(outputs[0]!.dtype)!;
  const from = inputs[0]!.dtype;
  if (from === outputs[0]!.dtype) return x!;
  if (to === 'i1') return e.compare('NE', x!, zero(e, x!));
  if (to === 'i32' && from === 'float32') return toInt32(e, e.convert(x!, 'f32'));
  return e.light(e.convert(x!, to));
};

const Select: Lowering = elementwise((e, [condition, t, f], { outputs }) => {
  const { shape } = outputs[0]!;
  return e.select(e.broadcastTo(condition!, shape), e.broadcastTo(t!, shape), e.broadcastTo(f!, shape));
});

const Fill: Lowering = (e, _inputs, { attrs, outputs }) => {
  const { shape, dtype } = outputs[0]!;
  return e.light(e.fill(attrs.value as number, { shape, elementType: elementTypeOf(dtype)! }));
};

const BroadcastTo: Lowering = (e, [x], { outputs }) => {
  const repeated = e.broadcastTo(x!, outputs[0]!.shape);
  return repeated.size > x!.size || e.isLight(x!) ? e.light(repeated) : repeated;
};

/** Elementwise kernels. */
export const ELEMENTWISE: LoweringTable = {
  ...Object.fromEntries(Object.entries(UNARY).map(([kernel, name]) => [kernel, unary((e, x) => e.unary(name, x))])),
  ...Object.fromEntries(Object.entries(SPECIAL).map(([kernel, name]) => [kernel, unary((e, x) => e.special(name, x))])),
  ...Object.fromEntries(
    Object.entries(BINARY).map(([kernel, name]) => [kernel, broadcasting((e, a, b) => e.binary(name, a, b))]),
  ),
  ...Object.fromEntries(
    Object.entries(COMPARISONS).map(([kernel, direction]) => [
      kernel,
      broadcasting((e, a, b) => e.compare(direction, a, b)),
    ]),
  ),
  IsFinite: unary((e, x) => e.isFinite(x)),
  IsNan: unary((e, x) => isNan(e, x)),
  IsInf: unary((e, x) => e.compare('EQ', e.unary('abs', x), e.like(x, Number.POSITIVE_INFINITY))),
  Reciprocal: unary((e, x) => e.divide(e.like(x, 1), x)),
  Square: unary((e, x) => e.multiply(x, x)),
  Relu: unary((e, x) => e.maximum(x, zero(e, x))),
  Relu6: between(
    () => 0,
    () => 6,
  ),
  ClipByValue: between(
    ({ attrs }) => attrs.clipValueMin as number,
    ({ attrs }) => attrs.clipValueMax as number,
  ),
  Elu: unary((e, x) => split(e, x, (below) => e.unary('exponential_minus_one', below))),
  LeakyRelu: unary((e, x, { attrs }) =>
    split(e, x, (below) => e.multiply(below, e.like(below, (attrs.alpha as number | undefined) ?? 0.2))),
  ),
  Prelu: broadcasting((e, x, alpha) => split(e, x, (below) => e.multiply(alpha, below))),
  SquaredDifference: broadcasting((e, a, b) => {
    const difference = e.subtract(a, b);
    return e.multiply(difference, difference);
  }),
  Identity: (_e, [x]) => x!,
  Sign,
  Step,
  Softplus,
  Selu,
  Gelu,
  Mod,
  FloorDiv,
  Pow,
  EluGrad,
  Cast,
  Select,
  Fill,
  BroadcastTo,
};
