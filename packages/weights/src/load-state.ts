import {
  buffersOf,
  checkFields,
  checkMethods,
  checkOptions,
  formatShape,
  type OptionNames,
  parametersOf,
  type Stateful,
  WeightsError,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { adaptName, type NameAdapter } from './adapter.js';
import { STORED_DTYPES } from './dtypes.js';
import { isTensorCollection, type NamedTensors } from './encode-safetensors.js';
import {
  type FreshTensor,
  type LoadedTensor,
  LoadReport,
  LoadStateError,
  type LoneTensor,
  type MismatchedTensor,
} from './load-report.js';
import { STORED_NAMES } from './replace-tensors.js';
import { Safetensors } from './safetensors.js';
import { sizeOf, type TensorCollection, type TensorData } from './tensor-collection.js';

/** How a checkpoint is matched with a model. */
export interface LoadOptions {
  /** How the checkpoint's names become the model's. Default: they are equal. */
  readonly adapter?: NameAdapter;
  /** Throw, before anything is written, unless every tensor of both sides has its counterpart. Default true. */
  readonly strict?: boolean;
  /**
   * Names of the model that may keep their initial values, because they are new: a head of another width. They are
   * listed in the report. One that the checkpoint has in the right shape is loaded all the same.
   */
  readonly fresh?: readonly RegExp[];
  /** Fields of the checkpoint's configuration that had no effect, for the report. */
  readonly unusedSettings?: readonly string[];
}

const OPTIONS: OptionNames<LoadOptions> = {
  adapter: 'optional',
  strict: 'optional',
  fresh: 'optional',
  unusedSettings: 'optional',
};

/** PyTorch's counter of batch norm updates: of use only with `momentum=None`, which no known checkpoint has. */
const ALWAYS_IGNORED = /(^|\.)num_batches_tracked$/;

/**
 * Copies a checkpoint's tensors into a model's parameters and buffers. The variables stay the same objects, so
 * optimizers and compiled steps that hold them see the new values.
 *
 * Shapes are PyTorch's on both sides; axes of size 1 may differ (`[768]` fits `[1,1,768]`). Nothing is written if a
 * strict load fails.
 *
 * Counterpart of `torch.nn.Module.load_state_dict`.
 *
 * @param target a Module, or any part with named parameters and buffers
 * @param tensors an opened file, or arrays by name
 * @returns what was loaded, and what was not
 * @throws LoadStateError (a WeightsError) with the report, if strict and the two do not fit
 * @throws WeightsError if two tensors of the checkpoint want the same place, or a tensor cannot be read
 */
export function loadState(target: Stateful, tensors: NamedTensors, options: LoadOptions = {}): LoadReport {
  const where = 'weights.loadState';
  checkMethods(where, target, ['namedParameters', 'namedBuffers'], 'pass a model, then the tensors');
  checkFields(where, 'tensors', tensors, []);
  checkOptions(where, options, OPTIONS);
  const { adapter = {}, strict = true, fresh: freshNames = [], unusedSettings = [] } = options;
  const checkpoint = asCollection(tensors);
  const variables = new Map([...parametersOf(target), ...buffersOf(target)]);
  const { places, unexpected, ignored } = assignPlaces(checkpoint, variables, adapter);

  const loaded: LoadedTensor[] = [];
  const missing: LoneTensor[] = [];
  const mismatched: MismatchedTensor[] = [];
  const fresh: FreshTensor[] = [];
  const writes: [tf.Variable, Piece[]][] = [];
  for (const [name, variable] of variables) {
    const pieces = places.get(name);
    const mayBeFresh = freshNames.some((pattern) => name.search(pattern) >= 0);
    if (!pieces) {
      (mayBeFresh ? fresh : missing).push({ name, shape: variable.shape });
      continue;
    }
    const from = pieces.map((piece) => piece.from);
    const stored = joinedShape(checkpoint, pieces);
    const dtype = storedDtype(checkpoint, pieces);
    if (stored && fits(stored, variable.shape) && dtypeFits(dtype, variable.dtype)) {
      loaded.push({ name, from });
      writes.push([variable, pieces]);
      continue;
    }
    const got = stored ? `${formatShape(stored)} ${dtype}` : `parts that do not join: ${from.join(', ')}`;
    if (mayBeFresh) fresh.push({ name, shape: variable.shape, checkpoint: got });
    else mismatched.push({ name, from, expected: `${formatShape(variable.shape)} ${variable.dtype}`, got });
  }

  const { name: source } = checkpoint;
  const found = { loaded, missing, unexpected, mismatched, fresh, ignored };
  const report = new LoadReport({ source, ...found, unusedSettings });
  if (strict && !report.complete) throw new LoadStateError(report);
  for (const [variable, pieces] of writes) write(variable, checkpoint, pieces);
  return report;
}

/** One stored tensor, or one of the equal parts that it is split into, on its way to a variable. */
interface Piece {
  readonly from: string;
  /** Which of `of` equal parts along axis 0 of the stored tensor. */
  readonly slice: { readonly index: number; readonly of: number };
  /** Which part of the variable it is. */
  readonly part: { readonly index: number; readonly of: number };
  readonly transpose: boolean;
}

const WHOLE = Object.freeze({ index: 0, of: 1 });

function assignPlaces(
  checkpoint: TensorCollection,
  variables: ReadonlyMap<string, tf.Variable>,
  adapter: NameAdapter,
): { places: Map<string, Piece[]>; unexpected: LoneTensor[]; ignored: string[] } {
  const places = new Map<string, Piece[]>();
  const unexpected: LoneTensor[] = [];
  const ignored: string[] = [];
  for (const [from, { shape }] of checkpoint.infos) {
    const destination = adaptName(from, adapter);
    if (!destination) {
      ignored.push(from);
      continue;
    }
    const { names, part = WHOLE, transpose } = destination;
    const known = names.filter((name) => variables.has(name));
    if (known.length === 0) {
      if (names.every((name) => name.search(ALWAYS_IGNORED) >= 0)) ignored.push(from);
      else unexpected.push({ name: names[0] === from ? from : `${from} (as ${names.join(', ')})`, shape });
    }
    for (const name of known) {
      const pieces = places.get(name) ?? [];
      const rival = pieces.find((piece) => piece.part.index === part.index || piece.part.of !== part.of);
      if (rival) {
        throw new WeightsError({
          where: `weights.loadState: ${checkpoint.name}`,
          problem: `both "${rival.from}" and "${from}" become "${name}"`,
          remedy: 'ignore one of them in the adapter',
        });
      }
      pieces.push({ from, slice: { index: names.indexOf(name), of: names.length }, part, transpose });
      places.set(name, pieces);
    }
  }
  for (const pieces of places.values()) pieces.sort((a, b) => a.part.index - b.part.index);
  return { places, unexpected, ignored };
}

/** The shape of one piece, or undefined if it cannot be cut or transposed so. */
function pieceShape(stored: readonly number[], { slice, transpose }: Piece): readonly number[] | undefined {
  if (transpose && stored.length !== 2) return undefined;
  const shape = transpose ? [stored[1]!, stored[0]!] : stored;
  if (slice.of === 1) return shape;
  const [rows, ...rest] = shape;
  return rows !== undefined && rows % slice.of === 0 ? [rows / slice.of, ...rest] : undefined;
}

function joinedShape(checkpoint: TensorCollection, pieces: readonly Piece[]): readonly number[] | undefined {
  const shapes = pieces.map((piece) => pieceShape(checkpoint.infos.get(piece.from)!.shape, piece));
  const [first] = shapes;
  if (!first || pieces.length !== pieces[0]!.part.of) return undefined;
  if (shapes.length === 1) return first;
  const alike = shapes.every((shape) => shape && shape.length > 0 && `${shape.slice(1)}` === `${first.slice(1)}`);
  return alike ? [shapes.reduce((rows, shape) => rows + shape![0]!, 0), ...first.slice(1)] : undefined;
}

/** The dtype after reading, or the stored one where it cannot be read. */
function storedDtype(checkpoint: TensorCollection, pieces: readonly Piece[]): string {
  const dtypes = new Set(
    pieces.map(({ from }) => {
      const { storedDtype: stored } = checkpoint.infos.get(from)!;
      return STORED_DTYPES[stored]?.as ?? stored;
    }),
  );
  return [...dtypes].join('+');
}

function dtypeFits(stored: string, wanted: string): boolean {
  return stored === wanted || (stored === 'uint8' && wanted !== 'float32');
}

function fits(stored: readonly number[], wanted: readonly number[]): boolean {
  const squeeze = (shape: readonly number[]) => shape.filter((size) => size !== 1).join();
  return squeeze(stored) === squeeze(wanted);
}

function write(variable: tf.Variable, checkpoint: TensorCollection, pieces: readonly Piece[]): void {
  const parts = pieces.map((piece) => readPiece(checkpoint, piece));
  let data = parts[0]!;
  if (parts.length > 1) {
    data = new (data.constructor as Float32ArrayConstructor)(sizeOf(variable.shape));
    let position = 0;
    for (const part of parts) {
      data.set(part, position);
      position += part.length;
    }
  }
  tf.tidy(() => variable.assign(tf.tensor(asValues(data, variable.dtype), variable.shape, variable.dtype)));
}

/** An array that nothing else holds: backends may keep it as the variable's memory. */
function readPiece(checkpoint: TensorCollection, { from, slice, transpose }: Piece): TensorData['data'] {
  const { data, shape } = checkpoint.read(from);
  const turned = transpose ? transposed(data, shape[0]!, shape[1]!) : data;
  if (slice.of > 1) {
    const length = turned.length / slice.of;
    return turned.slice(slice.index * length, (slice.index + 1) * length);
  }
  // A file gives every read an array of its own; anything else may hold on to what it gave.
  const isOwn = turned !== data || (checkpoint instanceof Safetensors && isWholeBuffer(turned));
  return isOwn ? turned : turned.slice();
}

function isWholeBuffer(array: TensorData['data']): boolean {
  return array.byteLength === array.buffer.byteLength;
}

function transposed(data: TensorData['data'], rows: number, columns: number): TensorData['data'] {
  const result = new (data.constructor as Float32ArrayConstructor)(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!;
  }
  return result;
}

function asValues(data: TensorData['data'], dtype: string): TensorData['data'] {
  return dtype === 'int32' && data instanceof Uint8Array ? Int32Array.from(data) : data;
}

/** Arrays by name, seen as an opened file. */
class ArrayCollection implements TensorCollection {
  readonly name = 'tensors';
  readonly metadata = {};
  readonly infos: TensorCollection['infos'];
  readonly #tensors: ReadonlyMap<string, TensorData>;

  constructor(tensors: ReadonlyMap<string, TensorData>) {
    this.#tensors = tensors;
    this.infos = new Map(
      [...tensors].map(([name, { dtype, shape, data }]) => {
        if (data.length !== sizeOf(shape)) {
          throw new WeightsError({
            where: `weights.loadState: tensor "${name}"`,
            expected: `${sizeOf(shape)} entries for shape ${formatShape(shape)}`,
            got: String(data.length),
          });
        }
        return [name, { storedDtype: STORED_NAMES[dtype], shape, byteLength: data.byteLength }];
      }),
    );
  }

  read(name: string): TensorData {
    return this.#tensors.get(name)!;
  }
}

function asCollection(tensors: NamedTensors): TensorCollection {
  if (isTensorCollection(tensors)) return tensors;
  return new ArrayCollection(
    tensors instanceof Map ? tensors : new Map(Object.entries(tensors as Record<string, TensorData>)),
  );
}
