import {
  checkFields,
  checkList,
  checkOptions,
  float32ToBfloat16,
  float32ToFloat16,
  formatShape,
  type OptionNames,
  WeightsError,
} from '@diptych/core';
import { STORED_DTYPES } from './dtypes.js';
import { MAX_HEADER_BYTES, PREFIX_BYTES } from './safetensors-header.js';
import { sizeOf, type TensorCollection, type TensorData } from './tensor-collection.js';

/** Named tensors to write: a map, a plain object, or an opened file. */
export type NamedTensors = ReadonlyMap<string, TensorData> | Readonly<Record<string, TensorData>> | TensorCollection;

/** How a safetensors file is written. */
export interface EncodeOptions {
  /** The file's own remarks; readers of PyTorch expect `{ format: 'pt' }`, which is the default. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How float32 tensors are stored; halves are rounded to nearest, ties to even. Default `F32`. */
  readonly floats?: 'F32' | 'F16' | 'BF16';
}

const OPTIONS: OptionNames<EncodeOptions> = { metadata: 'optional', floats: 'optional' };

/** A file as a header and the tensors that follow it, in the order of the file. */
export interface SafetensorsLayout {
  /** Length prefix and header. */
  readonly head: Uint8Array;
  readonly byteLength: number;
  /** The data, piece by piece; each is made when the iteration reaches it. */
  readonly pieces: () => Iterable<Uint8Array>;
}

/** Alignment in bytes of the data's start, so that readers can take views. */
const ALIGNMENT = 8;

/**
 * Writes a safetensors file into memory.
 *
 * @returns the bytes of the file
 * @throws WeightsError if an array does not fit its shape, or a name is reserved
 */
export function encodeSafetensors(tensors: NamedTensors, options: EncodeOptions = {}): Uint8Array {
  const layout = layOutSafetensors(tensors, options);
  const bytes = new Uint8Array(layout.byteLength);
  bytes.set(layout.head);
  let position = layout.head.length;
  for (const piece of layout.pieces()) {
    bytes.set(piece, position);
    position += piece.length;
  }
  return bytes;
}

/**
 * Decides a file's layout. Tensors are ordered by falling size of an entry, then by name, as the reference
 * implementation does, so that every tensor is aligned.
 */
export function layOutSafetensors(tensors: NamedTensors, options: EncodeOptions = {}): SafetensorsLayout {
  const where = 'weights.encodeSafetensors';
  checkFields(where, 'tensors by name', tensors, []);
  checkOptions(where, options, OPTIONS);
  const { metadata = { format: 'pt' }, floats = 'F32' } = options;
  const plans = entriesOf(tensors)
    .map(([name, shape, dtype, read]) => {
      if (name === '__metadata__') {
        throw new WeightsError({ where: 'encodeSafetensors', problem: 'the name __metadata__ is reserved' });
      }
      checkList(`${where}: tensor "${name}"`, 'the shape', shape);
      const stored = dtype === 'float32' ? floats : STORED[dtype];
      const width = WIDTHS[stored];
      return { name, shape, stored, width, byteLength: sizeOf(shape) * width, read };
    })
    .sort((a, b) => b.width - a.width || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

  const header: [string, unknown][] = [['__metadata__', metadata]];
  let position = 0;
  for (const { name, stored, shape, byteLength } of plans) {
    header.push([name, { dtype: stored, shape, data_offsets: [position, position + byteLength] }]);
    position += byteLength;
  }
  // Built entry by entry: an object literal would lose a tensor named `__proto__` and reorder numeric names.
  const json = `{${header.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const head = encodeHead(json);
  return {
    head,
    byteLength: head.length + position,
    *pieces() {
      for (const { name, shape, stored, byteLength, read } of plans) {
        const tensor = read();
        if (tensor.data.length !== sizeOf(shape)) {
          throw new WeightsError({
            where: `encodeSafetensors: tensor "${name}"`,
            expected: `${sizeOf(shape)} entries for shape ${formatShape(shape)}`,
            got: String(tensor.data.length),
          });
        }
        const bytes = storedBytes(tensor, stored);
        if (byteLength > 0) yield bytes;
      }
    },
  };
}

type Stored = 'F32' | 'F16' | 'BF16' | 'I32' | 'U8' | 'BOOL';

const STORED = { int32: 'I32', uint8: 'U8', bool: 'BOOL' } as const;
const WIDTHS: Readonly<Record<Stored, number>> = { F32: 4, F16: 2, BF16: 2, I32: 4, U8: 1, BOOL: 1 };

function encodeHead(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  if (length > MAX_HEADER_BYTES) {
    throw new WeightsError({
      where: 'encodeSafetensors',
      expected: `a header of at most ${MAX_HEADER_BYTES} bytes`,
      got: `${length} bytes`,
      remedy: 'shorten the metadata or split the tensors over several files',
    });
  }
  const head = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, PREFIX_BYTES);
  return head;
}

function storedBytes({ data }: TensorData, stored: Stored): Uint8Array {
  const array =
    stored === 'F16'
      ? float32ToFloat16(data as Float32Array)
      : stored === 'BF16'
        ? float32ToBfloat16(data as Float32Array)
        : data;
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

type PlannedEntry = [name: string, shape: readonly number[], dtype: TensorData['dtype'], read: () => TensorData];

function entriesOf(tensors: NamedTensors): PlannedEntry[] {
  if (isTensorCollection(tensors)) {
    return [...tensors.infos].map(([name, { shape, storedDtype }]) => {
      const dtype = STORED_DTYPES[storedDtype]?.as ?? tensors.read(name).dtype;
      return [name, shape, dtype, () => tensors.read(name)];
    });
  }
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, TensorData>);
  return entries.map(([name, tensor]) => [name, tensor.shape, tensor.dtype, () => tensor]);
}

/** True for an opened file, false for maps and plain objects of tensors. */
export function isTensorCollection(tensors: NamedTensors): tensors is TensorCollection {
  return typeof (tensors as TensorCollection).read === 'function' && (tensors as TensorCollection).infos instanceof Map;
}
