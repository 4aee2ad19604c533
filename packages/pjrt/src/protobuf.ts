/** What of Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding) XLA's options and programs need. */

/** A field's number and its value: a number for varints, bytes for what has a length; other wire types are left out. */
export type ProtoField = readonly [number: number, value: number | Uint8Array];

/** A field of bytes, text or a message. */
export function lengthField(number: number, value: Uint8Array | string): number[] {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

/** A field of a whole number or boolean. */
export function varintField(number: number, value: number | boolean): number[] {
  return [...varint(number * 8), ...varint(Number(value))];
}

/** A field of a double. */
export function doubleField(number: number, value: number): number[] {
  return [...varint(number * 8 + 1), ...new Uint8Array(Float64Array.of(value).buffer)];
}

/** Seven bits a byte, the lowest first; a negative number as its two's complement of 64 bits. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes;
}

/** The fields of a message, in order. A message that is cut short ends early. */
export function* protoFields(bytes: Uint8Array): Generator<ProtoField> {
  const reader = new Reader(bytes);
  while (!reader.atEnd) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) yield [number, reader.varint()];
    else if (wire === 2) yield [number, reader.take(reader.varint())];
    else if (wire === 1) reader.take(8);
    else if (wire === 5) reader.take(4);
    else return;
  }
}

/** Whole numbers of a repeated field, of which each value is packed or alone. */
export function packedVarints(values: readonly (number | Uint8Array)[]): number[] {
  return values.flatMap((value) => {
    if (typeof value === 'number') return [value];
    const reader = new Reader(value);
    const numbers: number[] = [];
    while (!reader.atEnd) numbers.push(reader.varint());
    return numbers;
  });
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Exact up to 2^53; sizes and numbers of fields are smaller. */
  varint(): number {
    let value = 0;
    for (let factor = 1; !this.atEnd; factor *= 128) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value;
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}
