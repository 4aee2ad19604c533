import { ConfigError } from '@diptych/core';
import { BUFFER_TYPES } from './layout/pjrt-layout.js';

type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Int16ArrayConstructor
  | Int32ArrayConstructor
  | BigInt64ArrayConstructor
  | Uint8ArrayConstructor
  | Uint16ArrayConstructor
  | Uint32ArrayConstructor
  | BigUint64ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor;

interface DtypeFacts {
  /** `PJRT_Buffer_Type`. */
  readonly code: number;
  /** `PrimitiveType` of xla_data.proto, which numbers them differently. */
  readonly primitive: number;
  /** How its elements lie on the host. */
  readonly array: TypedArrayConstructor;
  /** Array elements of one element: real and imaginary part. */
  readonly parts?: 2;
}

/** The element types that the host has arrays for, by XLA's names. 16-bit floats travel as their bits. */
export const DTYPES = {
  pred: { code: BUFFER_TYPES.PRED, primitive: 1, array: Uint8Array },
  s8: { code: BUFFER_TYPES.S8, primitive: 2, array: Int8Array },
  s16: { code: BUFFER_TYPES.S16, primitive: 3, array: Int16Array },
  s32: { code: BUFFER_TYPES.S32, primitive: 4, array: Int32Array },
  s64: { code: BUFFER_TYPES.S64, primitive: 5, array: BigInt64Array },
  u8: { code: BUFFER_TYPES.U8, primitive: 6, array: Uint8Array },
  u16: { code: BUFFER_TYPES.U16, primitive: 7, array: Uint16Array },
  u32: { code: BUFFER_TYPES.U32, primitive: 8, array: Uint32Array },
  u64: { code: BUFFER_TYPES.U64, primitive: 9, array: BigUint64Array },
  f16: { code: BUFFER_TYPES.F16, primitive: 10, array: Uint16Array },
  f32: { code: BUFFER_TYPES.F32, primitive: 11, array: Float32Array },
  f64: { code: BUFFER_TYPES.F64, primitive: 12, array: Float64Array },
  bf16: { code: BUFFER_TYPES.BF16, primitive: 16, array: Uint16Array },
  c64: { code: BUFFER_TYPES.C64, primitive: 15, array: Float32Array, parts: 2 },
  c128: { code: BUFFER_TYPES.C128, primitive: 18, array: Float64Array, parts: 2 },
} as const satisfies Record<string, DtypeFacts>;

/** An element type, by XLA's name. */
export type Dtype = keyof typeof DTYPES;

/** What the host reads and writes of a dtype, in memory of its own or shared. */
export type HostArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** Dtype and shape of what goes into a program or comes out of it. `other` is a dtype that the host has no arrays for. */
export interface ArraySpec {
  readonly dtype: Dtype | 'other';
  readonly shape: readonly number[];
}

const NAMES = Object.keys(DTYPES) as Dtype[];
const BY_CODE = new Map<number, Dtype>(NAMES.map((name) => [DTYPES[name].code, name]));
const BY_PRIMITIVE = new Map<number, Dtype>(NAMES.map((name) => [DTYPES[name].primitive, name]));

/** The dtype of a `PJRT_Buffer_Type`. */
export function dtypeOfCode(code: number): Dtype | 'other' {
  return BY_CODE.get(code) ?? 'other';
}

/** The dtype of a `PrimitiveType`. */
export function dtypeOfPrimitive(primitive: number): Dtype | 'other' {
  return BY_PRIMITIVE.get(primitive) ?? 'other';
}

/** The dtype that an array has where none is named: `u8` for `Uint8Array`, not `pred`; `u16` for `Uint16Array`, not a float's bits. */
export function dtypeOfArray(where: string, data: unknown): Dtype {
  const found = NAMES.find((name) => name !== 'pred' && name !== 'f16' && data instanceof DTYPES[name].array);
  if (found) return found;
  throw new ConfigError({
    where,
    expected: 'a typed array of numbers, such as Float32Array',
    got: Array.isArray(data) ? 'an array' : data === null ? 'null' : typeof data,
    remedy: 'convert it: Float32Array.from(values)',
  });
}

/**
 * Facts of a dtype.
 *
 * @throws ConfigError that lists the known names
 */
export function dtypeFacts(where: string, dtype: Dtype | 'other'): DtypeFacts {
  if (Object.hasOwn(DTYPES, dtype)) return DTYPES[dtype as Dtype];
  throw new ConfigError({
    where,
    expected: `one of the dtypes ${NAMES.join(', ')}`,
    got: String(dtype),
    remedy: 'convert it in the program',
  });
}

/** `f32[2,3]`, as XLA prints it. */
export function specText({ dtype, shape }: ArraySpec): string {
  return `${dtype}[${shape.join(',')}]`;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, side) => size * side, 1);
}
