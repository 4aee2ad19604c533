import { STRUCTS } from '../layout/pjrt-layout.js';
import { addressOf, type HostMemory, textAt } from './memory.js';

export type StructName = keyof typeof STRUCTS;
export type FieldOf<Name extends StructName> = Exclude<
  keyof (typeof STRUCTS)[Name]['fields'] & string,
  'struct_size' | 'extension_start'
>;

/**
 * One struct of the PJRT C API in memory of its own, which begins as zeros: what is not set is "absent" to C, also what
 * versions after the header's added. Offsets are those of layout/pjrt-layout.ts.
 */
export class Struct<Name extends StructName = StructName> {
  readonly name: Name;
  readonly memory: ArrayBuffer;
  readonly address: bigint;
  readonly #view: DataView;
  readonly #fields: Readonly<Record<string, number>>;
  /** What the fields point to. */
  readonly #kept = new Map<string, unknown>();

  /** @param spare bytes that a plugin newer than the header may know of behind the last field */
  constructor(name: Name, spare = 0) {
    const { size, structSize, fields } = STRUCTS[name];
    this.name = name;
    this.memory = new ArrayBuffer(size + spare);
    this.address = addressOf(this.memory);
    this.#view = new DataView(this.memory);
    this.#fields = fields;
    this.#view.setBigUint64(0, BigInt(structSize + spare), true);
  }

  /** Points a field to memory, to another struct or to what C gave; they live as long as this struct. */
  point(field: FieldOf<Name>, to: bigint | HostMemory | Struct): this {
    const address = typeof to === 'bigint' ? to : to instanceof Struct ? to.address : addressOf(to);
    if (typeof to !== 'bigint') this.#kept.set(field, to);
    this.#view.setBigUint64(this.#fields[field]!, address, true);
    return this;
  }

  /** Writes a struct in place of a field, for one that C holds by value. */
  embed(field: FieldOf<Name>, part: Struct): this {
    const { size, structSize } = STRUCTS[part.name];
    const offset = this.#fields[field]!;
    new Uint8Array(this.memory).set(new Uint8Array(part.memory, 0, size), offset);
    // spare room would lie over the fields that follow
    this.#view.setBigUint64(offset, BigInt(structSize), true);
    this.#kept.set(field, part);
    return this;
  }

  /** Keeps what the fields point to by way of others for as long as this struct. */
  holding(kept: readonly unknown[]): this {
    this.#kept.set('', kept);
    return this;
  }

  /** Sets a `size_t` or `int64_t`. */
  count(field: FieldOf<Name>, value: number): this {
    this.#view.setBigInt64(this.#fields[field]!, BigInt(value), true);
    return this;
  }

  /** Points one field to memory and tells its length in another. */
  list(field: FieldOf<Name>, length: FieldOf<Name>, memory: HostMemory & { readonly length: number }): this {
    return this.point(field, memory).count(length, memory.length);
  }

  /** Sets an `int` or an enumeration. */
  int(field: FieldOf<Name>, value: number): this {
    this.#view.setInt32(this.#fields[field]!, value, true);
    return this;
  }

  pointer(field: FieldOf<Name>): bigint {
    return this.#view.getBigUint64(this.#fields[field]!, true);
  }

  /** The text that one field points to, of the length in another. */
  text(field: FieldOf<Name>, length: FieldOf<Name>): string {
    return textAt(this.pointer(field), this.number(length));
  }

  /** A `size_t` or `int64_t`. */
  number(field: FieldOf<Name>): number {
    return Number(this.#view.getBigInt64(this.#fields[field]!, true));
  }

  int32(field: FieldOf<Name>): number {
    return this.#view.getInt32(this.#fields[field]!, true);
  }

  bool(field: FieldOf<Name>): boolean {
    return this.#view.getUint8(this.#fields[field]!) !== 0;
  }
}
