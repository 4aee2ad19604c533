import { ConfigError } from '@diptych/core';
import { STRUCTS } from '../layout/pjrt-layout.js';
import { addressOf, bytesOf, copyOf, integersAt, textAt } from './memory.js';

/** What options and attributes of plugins may be. Whole numbers are 64-bit integers, others 32-bit floats. */
export type NamedValue = string | number | boolean | readonly number[];
/** Options or attributes by name. */
export type NamedValues = Readonly<Record<string, NamedValue>>;

const { size: SIZE, structSize: STRUCT_SIZE, fields: FIELDS } = STRUCTS.NamedValue;
const TYPES = { string: 0, int64: 1, int64List: 2, float: 3, bool: 4 } as const;

/** An array of `PJRT_NamedValue`, with what it points to, which must live as long. */
export interface EncodedValues {
  readonly memory: Uint8Array;
  readonly count: number;
  readonly kept: readonly unknown[];
}

/**
 * Options as an array of `PJRT_NamedValue`.
 *
 * @throws ConfigError for a value that C has no type for
 */
export function encodeNamedValues(where: string, values: NamedValues): EncodedValues {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  // An array of no elements still has an address.
  const memory = new Uint8Array(Math.max(1, entries.length) * SIZE);
  const view = new DataView(memory.buffer);
  const kept: unknown[] = [];
  const point = (at: number, bytes: Uint8Array | BigInt64Array) => {
    kept.push(bytes);
    view.setBigUint64(at, addressOf(bytes), true);
  };
  entries.forEach(([name, value], index) => {
    const base = index * SIZE;
    const bytes = bytesOf(name);
    view.setBigUint64(base, BigInt(STRUCT_SIZE), true);
    point(base + FIELDS.name, bytes);
    view.setBigUint64(base + FIELDS.name_size, BigInt(bytes.length), true);
    const put = (type: keyof typeof TYPES, length: number) => {
      view.setInt32(base + FIELDS.type, TYPES[type], true);
      view.setBigUint64(base + FIELDS.value_size, BigInt(length), true);
    };
    if (typeof value === 'string') {
      const text = bytesOf(value);
      put('string', text.length);
      point(base + FIELDS.string_value, text);
    } else if (typeof value === 'boolean') {
      put('bool', 1);
      view.setUint8(base + FIELDS.bool_value, Number(value));
    } else if (typeof value === 'number' && Number.isSafeInteger(value)) {
      put('int64', 1);
      view.setBigInt64(base + FIELDS.int64_value, BigInt(value), true);
    } else if (typeof value === 'number' && Number.isFinite(value)) {
      put('float', 1);
      view.setFloat32(base + FIELDS.float_value, value, true);
    } else if (Array.isArray(value) && value.every(Number.isSafeInteger)) {
      put('int64List', value.length);
      point(base + FIELDS.int64_array_value, BigInt64Array.from(value, BigInt));
    } else {
      const expected = `${name} to be text, a number, true or false, or whole numbers`;
      throw new ConfigError({ where, expected, got: String(value) });
    }
  });
  return { memory, count: entries.length, kept };
}

/** An array of `PJRT_NamedValue` that C owns. */
export function decodeNamedValues(address: bigint, count: number): Record<string, NamedValue> {
  const view = new DataView(copyOf(address, count * SIZE).buffer);
  const values: Record<string, NamedValue> = {};
  for (let base = 0; base < count * SIZE; base += SIZE) {
    const pointer = (field: keyof typeof FIELDS) => view.getBigUint64(base + FIELDS[field], true);
    const length = (field: keyof typeof FIELDS) => Number(pointer(field));
    const name = textAt(pointer('name'), length('name_size'));
    const read: Record<number, () => NamedValue> = {
      [TYPES.string]: () => textAt(pointer('string_value'), length('value_size')),
      [TYPES.int64]: () => Number(view.getBigInt64(base + FIELDS.int64_value, true)),
      [TYPES.int64List]: () => integersAt(pointer('int64_array_value'), length('value_size')),
      [TYPES.float]: () => view.getFloat32(base + FIELDS.float_value, true),
      [TYPES.bool]: () => view.getUint8(base + FIELDS.bool_value) !== 0,
    };
    // Types of versions to come are left out.
    const value = read[view.getInt32(base + FIELDS.type, true)]?.();
    if (value !== undefined) values[name] = value;
  }
  return values;
}
