import { float32ToBfloat16 } from '@diptych/core';
import { type ElementType, isFloat, isUnsigned, type TensorType, typeText } from './types.js';

/** Elements of a constant, row-major: numbers, or big integers where 64 bits are meant. */
export type Elements = ArrayLike<number> | ArrayLike<bigint>;

/** Up to this many elements are printed one by one, more of them as their bytes. */
const FEW = 32;

/** Bits of what has no decimal form: NaN, Infinity, -Infinity. */
const SPECIAL = {
  bf16: ['0x7FC0', '0x7F80', '0xFF80'],
  f32: ['0x7FC00000', '0x7F800000', '0xFF800000'],
} as const;

/** One element as MLIR reads it: floats with a point, in as few digits as give them back; NaN and infinities as their bits. */
export function elementText(value: number | bigint, elementType: ElementType): string {
  if (elementType === 'i1') return Number(value) === 0 ? 'false' : 'true';
  return isFloat(elementType) ? floatText(Number(value), elementType as 'f32') : integerText(value, elementType);
}

/** Wraps around as a store into such an array does. */
function integerText(value: number | bigint, elementType: ElementType): string {
  const bits = Number(/\d+$/.exec(elementType)![0]);
  const whole = typeof value === 'bigint' ? value : BigInt(Number.isFinite(value) ? Math.trunc(value) : 0);
  return String(isUnsigned(elementType) ? BigInt.asUintN(bits, whole) : BigInt.asIntN(bits, whole));
}

function floatText(given: number, elementType: keyof typeof SPECIAL): string {
  const value = Math.fround(given);
  const [nan, positive, negative] = SPECIAL[elementType];
  if (Number.isNaN(value)) return nan;
  if (!Number.isFinite(value)) return value > 0 ? positive : negative;
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  let digits = '';
  for (
    let precision = 0;
    Number.isNaN(Number(digits || Number.NaN)) || Math.fround(Number(digits)) !== value;
    precision++
  ) {
    digits = value.toExponential(precision);
  }
  const [mantissa, exponent] = digits.split('e') as [string, string];
  const pointed = mantissa.includes('.') ? mantissa : `${mantissa}.0`;
  return Number(exponent) === 0 ? pointed : `${pointed}e${Number(exponent)}`;
}

/** `dense<…> : tensor<…>`, all elements equal. */
export function splatText(value: number | bigint, type: TensorType): string {
  return `dense<${type.shape.includes(0) ? '' : elementText(value, type.elementType)}> : ${typeText(type)}`;
}

/**
 * `dense<…> : tensor<…>`. Few elements are printed as nested lists, many as hexadecimal bytes, which are shorter and read
 * faster.
 */
export function denseText(elements: Elements, type: TensorType): string {
  const { shape, elementType } = type;
  if (elements.length === 0) return splatText(0, type);
  const listed = elements.length <= FEW || elementType === 'i1';
  const text = listed ? nested(elements, shape, elementType) : `"0x${hexBytes(elements, elementType)}"`;
  return `dense<${text}> : ${typeText(type)}`;
}

function nested(elements: Elements, shape: readonly number[], elementType: ElementType, from = 0): string {
  const [length, ...rest] = shape;
  if (length === undefined) return elementText(elements[from]!, elementType);
  const stride = rest.reduce((size, dimension) => size * dimension, 1);
  return `[${Array.from({ length }, (_, i) => nested(elements, rest, elementType, from + i * stride)).join(', ')}]`;
}

/** Little-endian bytes; i1 has none that MLIR's text agrees on. */
const ARRAYS: Readonly<Record<Exclude<ElementType, 'i1'>, (elements: Elements) => ArrayBufferView>> = {
  i8: (elements) => Int8Array.from(elements as ArrayLike<number>),
  i32: (elements) => Int32Array.from(elements as ArrayLike<number>),
  i64: (elements) => BigInt64Array.from(elements as ArrayLike<bigint>, BigInt),
  ui8: (elements) => Uint8Array.from(elements as ArrayLike<number>),
  ui32: (elements) => Uint32Array.from(elements as ArrayLike<number>),
  ui64: (elements) => BigUint64Array.from(elements as ArrayLike<bigint>, BigInt),
  f32: (elements) => Float32Array.from(elements as ArrayLike<number>),
  bf16: (elements) => float32ToBfloat16(Float32Array.from(elements as ArrayLike<number>)),
};

function hexBytes(elements: Elements, elementType: ElementType): string {
  const { buffer, byteOffset, byteLength } = ARRAYS[elementType as 'f32'](elements);
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex').toUpperCase();
}
