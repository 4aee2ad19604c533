import { ConfigError, type HalfTable, makeHalfTable, WeightsError } from '@diptych/core';
import { STORED_DTYPES } from './dtypes.js';
import {
  LOOKED_AT_BYTES,
  PREFIX_BYTES,
  parseHeader,
  readHeaderLength,
  type SafetensorsHeader,
} from './safetensors-header.js';
import { sizeOf, type TensorCollection, type TensorData, type TensorInfo } from './tensor-collection.js';

/** Random access to the bytes of a safetensors file. */
export interface ByteReader {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Fills `target` with the bytes from `offset` on. The range is inside the file. */
  readInto(offset: number, target: Uint8Array): void;
  /** The bytes without a copy, where they are in memory already. */
  view?(offset: number, length: number): Uint8Array;
}

/** Bytes that are converted at a time; small, so that converting costs no memory beside the result. */
const CHUNK_BYTES = 1 << 20;

/**
 * A safetensors file whose header is read and whose tensors are read when asked for.
 *
 * float16, bfloat16 and float64 become float32; the integer types become int32 (values that do not fit are refused);
 * uint8 and bool stay bytes.
 */
export class Safetensors implements TensorCollection {
  readonly name: string;
  readonly #reader: ByteReader;
  readonly #header: SafetensorsHeader;
  #halfTable: HalfTable | undefined;

  /**
   * @param name where the file comes from, for messages
   * @throws WeightsError if the file is malformed
   */
  constructor(name: string, reader: ByteReader) {
    this.name = name;
    this.#reader = reader;
    const prefix = new Uint8Array(Math.min(LOOKED_AT_BYTES, reader.size));
    reader.readInto(0, prefix);
    const header = new Uint8Array(readHeaderLength(name, prefix, reader.size));
    reader.readInto(PREFIX_BYTES, header);
    this.#header = parseHeader(name, header, reader.size);
  }

  get infos(): ReadonlyMap<string, TensorInfo> {
    return this.#header.tensors;
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /** Reads one tensor; see {@link TensorCollection.read}. From memory, the data may be a view of the file's bytes. */
  read(name: string): TensorData {
    const stored = this.#header.tensors.get(name);
    const where = `${this.name}: tensor "${name}"`;
    if (!stored) throw new WeightsError({ where: this.name, expected: `a tensor "${name}"`, got: 'none of that name' });
    const { shape, storedDtype, offset, byteLength } = stored;
    const { as: dtype, convert, bits } = STORED_DTYPES[storedDtype]!;
    if (!dtype) {
      throw new WeightsError({
        where,
        problem: `dtype ${storedDtype} cannot be read`,
        remedy: 'use a checkpoint in float32, float16 or bfloat16',
      });
    }
    const make = ARRAYS[dtype];
    if (!convert) return { dtype, shape, data: make(this.#bytes(offset, byteLength, bits / 8)) } as TensorData;

    const size = sizeOf(shape);
    const data = make(new Uint8Array(size * 4)) as Float32Array | Int32Array;
    const context = {
      where,
      halfTable: () => {
        this.#halfTable ??= makeHalfTable();
        return this.#halfTable;
      },
    };
    const chunk = new Uint8Array(Math.min(byteLength, CHUNK_BYTES));
    for (let done = 0; done < byteLength; done += chunk.length) {
      const length = Math.min(chunk.length, byteLength - done);
      this.#reader.readInto(offset + done, chunk.subarray(0, length));
      convert(new DataView(chunk.buffer, 0, length), data, (done * 8) / bits, context);
    }
    return { dtype, shape, data } as TensorData;
  }

  #bytes(offset: number, length: number, alignment: number): Uint8Array {
    const view = this.#reader.view?.(offset, length);
    if (view && view.byteOffset % alignment === 0) return view;
    const bytes = new Uint8Array(length);
    this.#reader.readInto(offset, bytes);
    return bytes;
  }
}

const ARRAYS = {
  float32: (bytes: Uint8Array) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
  int32: (bytes: Uint8Array) => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
  uint8: (bytes: Uint8Array) => bytes,
  bool: (bytes: Uint8Array) => bytes,
} as const;

/**
 * Opens a safetensors file that is in memory. The header is checked at once, tensors are decoded when read; 32-bit
 * tensors are views of `bytes`, which must not change afterwards.
 *
 * @param bytes the whole file
 * @param name where it comes from, for messages
 * @throws WeightsError if the file is malformed
 */
export function parseSafetensors(bytes: Uint8Array, name = 'safetensors'): Safetensors {
  if (!(bytes instanceof Uint8Array)) {
    throw new ConfigError({
      where: 'weights.parseSafetensors',
      expected: 'the bytes of a file, a Uint8Array',
      got: typeof bytes,
    });
  }
  // A Buffer's views would be Buffers again.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new Safetensors(name, {
    size: plain.length,
    readInto: (offset, target) => target.set(plain.subarray(offset, offset + target.length)),
    view: (offset, length) => plain.subarray(offset, offset + length),
  });
}
