import { type Node, splatOf, type Value } from '@diptych/graph';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';

/** tfjs kernels that are ONNX operators by another name, or by the same. */
const SAME: Readonly<Record<string, string>> = {
  Abs: 'Abs', Acos: 'Acos', Acosh: 'Acosh', Add: 'Add', Asin: 'Asin', Asinh: 'Asinh', Atan: 'Atan', Atanh: 'Atanh',
  Ceil: 'Ceil', Cos: 'Cos', Cosh: 'Cosh', Elu: 'Elu', Equal: 'Equal', Erf: 'Erf', Exp: 'Exp', Floor: 'Floor',
  Greater: 'Greater', GreaterEqual: 'GreaterOrEqual', IsInf: 'IsInf', IsNan: 'IsNaN', Less: 'Less',
  LessEqual: 'LessOrEqual', Log: 'Log', LogicalAnd: 'And', LogicalNot: 'Not', LogicalOr: 'Or', Maximum: 'Max',
  Minimum: 'Min', Multiply: 'Mul', Neg: 'Neg', Pow: 'Pow', RealDiv: 'Div', Reciprocal: 'Reciprocal', Round: 'Round',
  Selu: 'Selu', Sigmoid: 'Sigmoid', Sin: 'Sin', Sinh: 'Sinh', Softplus: 'Softplus', Sqrt: 'Sqrt',
  Sub: 'Sub', Tanh: 'Tanh', Identity: 'Identity',
}; // biome-ignore format: a table

const same =
  (opType: string): Lowering =>
  (e, inputs) =>
    e.op(opType, inputs);

const Relu: Lowering = (e, [x], node) =>
  node.outputs[0]!.dtype === 'int32' ? e.op('Max', [x!, e.scalar(0, 'int32')]) : e.op('Relu', [x!]);

/** (a mod b) with the sign of b, as Python and tfjs have it. */
const Mod: Lowering = (e, [a, b]) => {
  const remainder = e.op('Mod', [a!, b!], { fmod: 1 });
  return e.op('Mod', [e.op('Add', [remainder, b!]), b!], { fmod: 1 });
};

/** log(1 + x) without losing the digits of a small x (Kahan: log(u) * x / (u - 1), u = 1 + x rounded). */
const Log1p: Lowering = (e, [x]) => {
  const one = e.scalar(1);
  const u = e.op('Add', [x!, one]);
  const log = e.op('Log', [u]);
  const corrected = e.op('Mul', [log, e.op('Div', [x!, e.op('Sub', [u, one])])]);
  const small = e.op('Where', [e.op('Equal', [u, one]), x!, corrected]);
  return e.op('Where', [e.op('Greater', [x!, one]), log, small]);
};

/** exp(x) - 1 without losing the digits of a small x: tanh(x / 2) * (exp(x) + 1). */
const Expm1: Lowering = (e, [x]) => {
  const half = e.op('Tanh', [e.op('Mul', [x!, e.scalar(0.5)])]);
  return e.op('Mul', [half, e.op('Add', [e.op('Exp', [x!]), e.scalar(1)])]);
};

/** 1 where x > 0, `alpha` elsewhere, NaN where x is NaN. */
const Step: Lowering = (e, [x], node) => {
  const alpha = (node.attrs.alpha as number | undefined) ?? 0;
  return e.op('Where', [e.op('Greater', [x!, e.scalar(0)]), e.scalar(1), nanOr(e, x!, alpha)]);
};

function nanOr(e: Emitter, x: string, value: number): string {
  return e.op('Where', [e.op('IsNaN', [x]), x, e.scalar(value)]);
}

const Prelu: Lowering = (e, [x, alpha]) => {
  const negative = e.op('Less', [x!, e.scalar(0)]);
  return e.op('Where', [negative, e.op('Mul', [x!, alpha!]), x!]);
};

const EluGrad: Lowering = (e, [dy, y]) => {
  const slope = e.op('Where', [e.op('GreaterOrEqual', [y!, e.scalar(0)]), e.scalar(1), e.op('Add', [y!, e.scalar(1)])]);
  return e.op('Mul', [dy!, slope]);
};

/** Any positive number but a denormal, times this, is at least one. */
const STEEP = 3.4028234e38;

/** `relu(x) > 0`: what it compares, else undefined. */
function activationOf(mask: Value): Value | undefined {
  if (mask.node?.op !== 'Greater') return undefined;
  const [x, threshold] = mask.node.inputs as [Value, Value];
  return x.node?.op === 'Relu' && x.dtype === 'float32' && splatOf(threshold) === 0 ? x : undefined;
}

/**
 * Float to int32 truncates, NaN and infinities aside; anything to bool is `!= 0`. The mask of ReLU's gradient is a steep
 * HardSigmoid, 0 or 1 but at denormal numbers, in half the time of a comparison and a cast.
 */
const Cast: Lowering = (e, [x], node) => {
  const to = node.outputs[0]!.dtype;
  const activation = to === 'float32' && !e.portable ? activationOf(node.inputs[0]!) : undefined;
  if (!activation || !e.has(activation)) return e.cast(x!, to as 'float32');
  return e.op('HardSigmoid', [e.nameOf(activation)], { alpha: { float: STEEP }, beta: { float: 0 } });
};

const Select: Lowering = (e, [condition, t, f], node) => {
  if (node.outputs[0]!.dtype !== 'bool') return e.op('Where', [condition!, t!, f!]);
  const kept = e.op('And', [condition!, t!]);
  return e.op('Or', [kept, e.op('And', [e.op('Not', [condition!]), f!])]);
};

const clip =
  (low: (node: Node) => number, high: (node: Node) => number): Lowering =>
  (e, [x], node) =>
    e.op('Clip', [x!, e.scalar(low(node)), e.scalar(high(node))]);

const Fill: Lowering = (e, _inputs, node) => {
  const { shape, dtype } = node.outputs[0]!;
  const scalar = e.scalar(node.attrs.value as number, dtype);
  return shape.length === 0 ? scalar : e.expand(scalar, shape);
};

/** Elementwise kernels. */
export const ELEMENTWISE: LoweringTable = {
  ...Object.fromEntries(Object.entries(SAME).map(([kernel, opType]) => [kernel, same(opType)])),
  NotEqual: (e, inputs) => e.op('Not', [e.op('Equal', inputs)]),
  FloorDiv: (e, inputs) => e.op('Floor', [e.op('Div', inputs)]),
  IsFinite: (e, [x]) => e.op('Not', [e.op('Or', [e.op('IsNaN', [x!]), e.op('IsInf', [x!])])]),
  LeakyRelu: (e, [x], { attrs }) => e.op('LeakyRelu', [x!], { alpha: { float: (attrs.alpha as number) ?? 0.2 } }),
  Rsqrt: (e, [x]) => e.op('Reciprocal', [e.op('Sqrt', [x!])]),
  Square: (e, [x]) => e.op('Mul', [x!, x!]),
  SquaredDifference: (e, inputs) => {
    const difference = e.op('Sub', inputs);
    return e.op('Mul', [difference, difference]);
  },
  Relu6: clip(
    () => 0,
    () => 6,
  ),
  ClipByValue: clip(
    ({ attrs }) => attrs.clipValueMin as number,
    ({ attrs }) => attrs.clipValueMax as number,
  ),
  BroadcastTo: (e, [x], { outputs }) => e.expand(x!, outputs[0]!.shape),
  Sign: (e, [x]) => e.op('Where', [e.op('IsNaN', [x!]), e.scalar(0), e.op('Sign', [x!])]),
  Gelu: (e, [x]) => e.op('Gelu', [x!], {}, e.portable ? '' : 'com.microsoft'),
  Relu,
  Mod,
  Log1p,
  Expm1,
  Step,
  Prelu,
  EluGrad,
  Cast,
  Select,
  Fill,
};
