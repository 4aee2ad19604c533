import * as tf from '@tensorflow/tfjs-core';
import type { Recorder, RecorderTable } from '../recorder.js';

/** Float in, float of the same shape out; other dtypes are left to the portable kernels. */
const FLOAT_UNARY = [
  'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Elu', 'Erf', 'Exp', 'Expm1', 'Floor',
  'LeakyRelu', 'Log', 'Log1p', 'Reciprocal', 'Relu6', 'Round', 'Rsqrt', 'Selu', 'Sigmoid', 'Sin', 'Sinh', 'Softplus',
  'Sqrt', 'Step', 'Tan', 'Tanh',
] as const; // biome-ignore format: a table

/** Any number in, the same dtype out. */
const NUMERIC_UNARY = ['Abs', 'Neg', 'Relu', 'Sign', 'Square'] as const;

/** Float in, bool out. */
const FLOAT_TESTS = ['IsFinite', 'IsInf', 'IsNan'] as const;

/** Two numbers of one dtype in, the same dtype out. */
const ARITHMETIC = ['Add', 'Sub', 'Multiply', 'Maximum', 'Minimum', 'SquaredDifference'] as const;

/** Two floats in, a float out. */
const FLOAT_BINARY = ['RealDiv', 'Pow', 'Atan2', 'Mod', 'Prelu', 'EluGrad'] as const;

/** Two numbers in, bool out. */
const COMPARISONS = ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'] as const;

const LOGICAL = ['LogicalAnd', 'LogicalOr'] as const;

const isNumeric = (dtype: tf.DataType) => dtype === 'float32' || dtype === 'int32';

function unary(op: string, accepts: (dtype: tf.DataType) => boolean, dtype?: tf.DataType): Recorder {
  return (b, { x }, attrs) =>
    accepts(x!.dtype) ? b.record(op, { x: x! }, attrs ?? {}, x!.shape, dtype ?? x!.dtype) : undefined;
}

function binary(op: string, accepts: (a: tf.DataType, b: tf.DataType) => boolean, dtype?: tf.DataType): Recorder {
  return (backend, inputs) => {
    const [[nameA, a], [nameB, b]] = Object.entries(inputs) as [[string, tf.TensorInfo], [string, tf.TensorInfo]];
    if (!accepts(a.dtype, b.dtype)) return undefined;
    const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
    return backend.record(op, { [nameA]: a, [nameB]: b }, {}, shape, dtype ?? a.dtype);
  };
}

const isFloat = (dtype: tf.DataType) => dtype === 'float32';
const bothFloat = (a: tf.DataType, b: tf.DataType) => a === 'float32' && b === 'float32';
const sameNumeric = (a: tf.DataType, b: tf.DataType) => a === b && isNumeric(a);
const bothBool = (a: tf.DataType, b: tf.DataType) => a === 'bool' && b === 'bool';

/** Converts between dtypes; a cast to the same dtype shares the data. */
const Cast: Recorder<tf.CastAttrs> = (b, { x }, attrs) => {
  const { dtype } = attrs;
  if (dtype === x!.dtype) return b.alias(x!);
  if (dtype === 'complex64' || dtype === 'string') return undefined;
  return b.record('Cast', { x: x! }, { dtype }, x!.shape, dtype);
};

/** `condition ? t : e`. A rank-1 condition over higher-rank operands picks rows. */
const Select: Recorder = (b, { condition, t, e }) => {
  if (t!.dtype !== e!.dtype || condition!.dtype !== 'bool') return undefined;
  const rows = condition!.shape.length === 1 && t!.shape.length > 1;
  const mask = rows ? b.alias(condition!, [t!.shape[0]!, ...t!.shape.slice(1).map(() => 1)]) : b.alias(condition!);
  const out = b.record('Select', { condition: mask, t: t!, e: e! }, {}, t!.shape, t!.dtype);
  b.disposeData(mask.dataId);
  return out;
};

const ClipByValue: Recorder<tf.ClipByValueAttrs> = (b, { x }, attrs) => {
  const { clipValueMin, clipValueMax } = attrs;
  return isFloat(x!.dtype)
    ? b.record('ClipByValue', { x: x! }, { clipValueMin, clipValueMax }, x!.shape, x!.dtype)
    : undefined;
};

/** Sum of a list, as a chain of additions. */
const AddN: Recorder = (b, inputs) => {
  const terms = Object.values(inputs);
  if (!terms.every((term) => term.dtype === terms[0]!.dtype && isNumeric(term.dtype))) return undefined;
  let sum = b.alias(terms[0]!);
  for (const term of terms.slice(1)) {
    const next = b.record('Add', { a: sum, b: term }, {}, term.shape, term.dtype);
    b.disposeData(sum.dataId);
    sum = next;
  }
  return sum;
};

/** Elementwise kernels, with broadcasting where there are two operands. */
export const ELEMENTWISE: RecorderTable = {
  ...Object.fromEntries(FLOAT_UNARY.map((op) => [op, unary(op, isFloat)])),
  ...Object.fromEntries(NUMERIC_UNARY.map((op) => [op, unary(op, isNumeric)])),
  ...Object.fromEntries(FLOAT_TESTS.map((op) => [op, unary(op, isFloat, 'bool')])),
  ...Object.fromEntries(ARITHMETIC.map((op) => [op, binary(op, sameNumeric)])),
  ...Object.fromEntries(FLOAT_BINARY.map((op) => [op, binary(op, bothFloat)])),
  ...Object.fromEntries(COMPARISONS.map((op) => [op, binary(op, sameNumeric, 'bool')])),
  ...Object.fromEntries(LOGICAL.map((op) => [op, binary(op, bothBool, 'bool')])),
  LogicalNot: unary('LogicalNot', (dtype) => dtype === 'bool'),
  FloorDiv: binary('FloorDiv', sameNumeric),
  Identity: (b, { x }) => b.alias(x!),
  Cast,
  Select,
  ClipByValue,
  AddN,
};
