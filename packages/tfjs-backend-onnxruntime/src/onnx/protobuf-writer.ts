/**
 * Protocol Buffers wire format, as far as ONNX needs it: varints, 32-bit floats and length-delimited fields.
 *
 * Byte arrays are held by reference until {@link ProtobufWriter.finish} copies each of them once, so that a model
 * with gigabytes of weights is never held twice while it is written.
 *
 * Source: Protocol Buffers documentation, "Encoding".
 */
export class ProtobufWriter {
  #closed: Uint8Array[] = [];
  #closedBytes = 0;
  #tail = new Uint8Array(256);
  #tailBytes = 0;

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#closedBytes + this.#tailBytes;
  }

  /** A varint field. Negative numbers are written as 64-bit two's complement, as `int64` and `int32` fields ask. */
  int(field: number, value: number | bigint): void {
    this.#tag(field, 0);
    this.#varint(value);
  }

  /** A 32-bit float field, little endian. */
  float(field: number, value: number): void {
    this.#tag(field, 5);
    this.#reserve(4);
    new DataView(this.#tail.buffer).setFloat32(this.#tailBytes, value, true);
    this.#tailBytes += 4;
  }

  /** A UTF-8 string field. */
  string(field: number, value: string): void {
    this.bytes(field, new TextEncoder().encode(value));
  }

  /** A bytes field; `value` must not change before `finish`. */
  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.byteLength);
    this.#append(value);
  }

  /** A repeated int64 field in packed form. */
  packedInts(field: number, values: readonly (number | bigint)[]): void {
    this.message(field, (packed) => {
      for (const value of values) packed.#varint(value);
    });
  }

  /** A repeated float field in packed form. */
  packedFloats(field: number, values: readonly number[]): void {
    const data = new DataView(new ArrayBuffer(values.length * 4));
    values.forEach((value, i) => {
      data.setFloat32(i * 4, value, true);
    });
    this.bytes(field, new Uint8Array(data.buffer));
  }

  /** A nested message, filled by `write`. */
  message(field: number, write: (message: ProtobufWriter) => void): void {
    const nested = new ProtobufWriter();
    write(nested);
    nested.#closeTail();
    this.#tag(field, 2);
    this.#varint(nested.#closedBytes);
    for (const chunk of nested.#closed) this.#append(chunk);
  }

  /** Everything written, in one array. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#closeTail();
    const result = new Uint8Array(this.#closedBytes);
    let offset = 0;
    for (const chunk of this.#closed) {
      result.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return result;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      let rest = value;
      while (rest > 127) {
        this.#tail[this.#tailBytes++] = (rest & 127) | 128;
        rest >>>= 7;
      }
      this.#tail[this.#tailBytes++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.#tail[this.#tailBytes++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#tail[this.#tailBytes++] = Number(rest);
  }

  #append(value: Uint8Array): void {
    if (value.byteLength <= COPY_BELOW) {
      this.#reserve(value.byteLength);
      this.#tail.set(value, this.#tailBytes);
      this.#tailBytes += value.byteLength;
      return;
    }
    this.#closeTail();
    this.#closed.push(value);
    this.#closedBytes += value.byteLength;
  }

  #reserve(bytes: number): void {
    if (this.#tailBytes + bytes <= this.#tail.byteLength) return;
    const larger = new Uint8Array(Math.max(this.#tail.byteLength * 2, this.#tailBytes + bytes));
    larger.set(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = larger;
  }

  #closeTail(): void {
    if (this.#tailBytes === 0) return;
    this.#closed.push(this.#tail.subarray(0, this.#tailBytes));
    this.#closedBytes += this.#tailBytes;
    this.#tail = new Uint8Array(256);
    this.#tailBytes = 0;
  }
}

/** Shorter arrays are cheaper to copy than to keep as a chunk of their own. */
const COPY_BELOW = 4096;
