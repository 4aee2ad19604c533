import { bfloat16ToFloat32, type HalfTable, WeightsError } from '@diptych/core';
import { type ByteFloat, makeByteFloatTable } from './byte-floats.js';
import type { TensorData } from './tensor-collection.js';

/** What a converter may use: the place that errors name, and the table for half precision. */
export interface ConvertContext {
  readonly where: string;
  halfTable(): HalfTable;
}

/** How numbers of a stored dtype become numbers of a typed array. */
export interface StoredDtype {
  /** Bits of one entry in the file. */
  readonly bits: number;
  /** The dtype after reading; absent where JavaScript has no good counterpart: such tensors can be listed, not read. */
  readonly as?: TensorData['dtype'];
  /** Absent where the stored bytes are the typed array's own. Converts all of `raw` into `target` from `at` on. */
  readonly convert?: (raw: DataView, target: Float32Array | Int32Array, at: number, context: ConvertContext) => void;
}

/**
 * The dtypes of safetensors 0.8. The stored bytes are little-endian, as are the typed arrays of every platform that
 * runs tfjs, so 32-bit types are taken over as they are.
 */
export const STORED_DTYPES: Readonly<Record<string, StoredDtype>> = {
  F32: { bits: 32, as: 'float32' },
  I32: { bits: 32, as: 'int32' },
  U8: { bits: 8, as: 'uint8' },
  BOOL: { bits: 8, as: 'bool' },
  F16: {
    bits: 16,
    as: 'float32',
    convert: (raw, target, at, context) => {
      const table = context.halfTable();
      const words = new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2);
      for (let i = 0; i < words.length; i++) target[at + i] = table[words[i]!]!;
    },
  },
  BF16: {
    bits: 16,
    as: 'float32',
    convert: (raw, target, at) =>
      bfloat16ToFloat32(
        new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2),
        (target as Float32Array).subarray(at),
      ),
  },
  F64: {
    bits: 64,
    as: 'float32',
    convert: (raw, target, at) => target.set(new Float64Array(raw.buffer, raw.byteOffset, raw.byteLength / 8), at),
  },
  I64: { bits: 64, as: 'int32', convert: convertInteger64(true) },
  U64: { bits: 64, as: 'int32', convert: convertInteger64(false) },
  U32: {
    bits: 32,
    as: 'int32',
    convert: (raw, target, at, { where }) => {
      const words = new Uint32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4);
      for (let i = 0; i < words.length; i++) {
        if (words[i]! > 0x7fffffff) throw outOfInt32(where, words[i]!);
        target[at + i] = words[i]!;
      }
    },
  },
  I16: {
    bits: 16,
    as: 'int32',
    convert: (raw, target, at) => target.set(new Int16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2), at),
  },
  U16: {
    bits: 16,
    as: 'int32',
    convert: (raw, target, at) => target.set(new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2), at),
  },
  I8: {
    bits: 8,
    as: 'int32',
    convert: (raw, target, at) => target.set(new Int8Array(raw.buffer, raw.byteOffset, raw.byteLength), at),
  },
  F8_E4M3: byteFloat('F8_E4M3'),
  F8_E5M2: byteFloat('F8_E5M2'),
  F8_E8M0: byteFloat('F8_E8M0'),
  F8_E4M3FNUZ: byteFloat('F8_E4M3FNUZ'),
  F8_E5M2FNUZ: byteFloat('F8_E5M2FNUZ'),
  C64: { bits: 64 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  F4: { bits: 4 },
};

function byteFloat(name: ByteFloat): StoredDtype {
  let table: Float32Array | undefined;
  return {
    bits: 8,
    as: 'float32',
    convert: (raw, target, at) => {
      table ??= makeByteFloatTable(name);
      for (let i = 0; i < raw.byteLength; i++) target[at + i] = table[raw.getUint8(i)]!;
    },
  };
}

function convertInteger64(signed: boolean): NonNullable<StoredDtype['convert']> {
  return (raw, target, at, { where }) => {
    const words = new Int32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4);
    for (let i = 0; i < words.length / 2; i++) {
      const low = words[2 * i]!;
      // The high word of a number that fits in int32 repeats the low word's sign.
      if (words[2 * i + 1]! !== low >> 31 || (!signed && low < 0)) {
        throw outOfInt32(where, signed ? raw.getBigInt64(8 * i, true) : raw.getBigUint64(8 * i, true));
      }
      target[at + i] = low;
    }
  };
}

function outOfInt32(where: string, value: number | bigint): WeightsError {
  return new WeightsError({
    where,
    expected: 'integers that fit in 32 bits',
    got: String(value),
    problem: 'tfjs has no wider integers',
  });
}
