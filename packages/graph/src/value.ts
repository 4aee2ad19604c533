import type { DataType } from '@tensorflow/tfjs-core';

/** Elements of a numeric tensor, row-major. `bool` is one byte each. */
export type NumericData = Float32Array | Int32Array | Uint8Array;

/** Elements of any tensor; strings are UTF-8 bytes, as tfjs keeps them. */
export type TensorData = NumericData | Uint8Array[];

/** Elements in the memory of a device, of which the graph knows no more. */
export interface DeviceData {
  /** Copies them to where the program can read them. */
  read(): TensorData;
  /** Frees them, once nobody holds them any more. */
  dispose(): void;
  /** The same elements for one holder more, where a device can. */
  share?(): DeviceData;
}

/** True for elements on a device, false for those in memory. */
export function isDeviceData(data: TensorData | DeviceData): data is DeviceData {
  return !Array.isArray(data) && !ArrayBuffer.isView(data);
}

/** Attributes of an operation: plain data, so that two nodes can be compared by their JSON. */
export type Attributes = Readonly<Record<string, unknown>>;

/**
 * One tensor in a graph: an output of a node, or a leaf.
 *
 * A leaf either has `data` or is an input that gets its data at each run. After a node's output was computed,
 * {@link Value.settle} turns it into a leaf, which lets go of the graph that made it.
 */
export class Value {
  node: Node | null;
  #data: TensorData | null = null;
  /** What all elements of a leaf are, while nobody asked for its data: an optimizer's fresh state costs no memory. */
  #repeated: number | null = null;
  /** The elements of a leaf on a device: beside its data, or in place of them until somebody asks. */
  device: DeviceData | null = null;
  /** Reshaped forms of this value, by shape: tfjs lets tensors of several shapes share one buffer. */
  views: Map<string, Value> | null = null;

  constructor(
    readonly shape: readonly number[],
    readonly dtype: DataType,
    node: Node | null = null,
    readonly index = 0,
  ) {
    this.node = node;
  }

  /** A leaf that holds data. */
  static leaf(data: TensorData, shape: readonly number[], dtype: DataType): Value {
    const value = new Value(shape, dtype);
    value.data = data;
    return value;
  }

  /** A leaf whose elements are all equal. */
  static repeated(element: number, shape: readonly number[], dtype: DataType): Value {
    const value = new Value(shape, dtype);
    value.#repeated = element;
    return value;
  }

  /** A leaf whose elements are on a device. */
  static onDevice(device: DeviceData, shape: readonly number[], dtype: DataType): Value {
    const value = new Value(shape, dtype);
    value.device = device;
    return value;
  }

  /** True for a leaf that has elements, wherever they are. */
  get isKnown(): boolean {
    return this.#data !== null || this.#repeated !== null || this.device !== null;
  }

  /** The elements of a leaf; null for what is still to be computed, and for the inputs of a compiled function. */
  get data(): TensorData | null {
    if (this.#data === null && this.#repeated !== null) {
      this.#data = allocate(this.dtype, this.size).fill(this.#repeated);
      this.#repeated = null;
    }
    if (this.#data === null && this.device) this.#data = this.device.read();
    return this.#data;
  }

  set data(data: TensorData | null) {
    this.#data = data;
  }

  /** True for a leaf whose elements nobody has copied from their device yet. */
  get isOnDeviceAlone(): boolean {
    return this.#data === null && this.#repeated === null && this.device !== null;
  }

  /** True for a leaf that is known to be zero without having data. */
  get isUntouchedZero(): boolean {
    return this.#repeated === 0;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Gives the value its computed data and forgets how it was made. */
  settle(data: TensorData): void {
    this.data = data;
    this.#forget();
  }

  /** Settles a value whose elements are on a device; they are copied when somebody reads them. */
  settleOnDevice(device: DeviceData): void {
    this.device = device;
    this.#forget();
  }

  /** Settles a value whose elements are all equal; it gets an array when somebody reads it. */
  settleRepeated(element: number): void {
    this.#repeated = element;
    this.#forget();
  }

  #forget(): void {
    this.node = null;
    this.views = null;
  }
}

/** One operation: named as the tfjs kernel it came from, or as a fused operation that a pass introduced. */
export class Node {
  static #made = 0;
  readonly outputs: Value[] = [];
  /** Higher than that of every node made before. */
  readonly number = Node.#made++;

  constructor(
    readonly op: string,
    readonly inputs: readonly Value[],
    readonly attrs: Attributes,
    /** The names by which the tfjs kernel knows its inputs; `'0'`, `'1'`, … for kernels that take a list. */
    readonly inputNames: readonly string[],
  ) {}
}

/** Product of the dimensions; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/** True for equal shapes. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** A zero-filled array of the type that tfjs uses for `dtype`. */
export function allocate(dtype: DataType, size: number): NumericData {
  if (dtype === 'int32') return new Int32Array(size);
  if (dtype === 'bool') return new Uint8Array(size);
  return new Float32Array(size);
}

const described = new WeakMap<Attributes, string>();

/**
 * Text that is equal for equal attributes; JSON would take -Infinity, NaN and null for the same. Passes ask for it again and again as
 * they copy a program, so it is kept.
 */
export function describeAttributes(attrs: Attributes): string {
  const known = described.get(attrs);
  if (known !== undefined) return known;
  const text = textOf(attrs);
  described.set(attrs, text);
  return text;
}

function textOf(attrs: Attributes): string {
  return JSON.stringify(attrs, (_key, value: unknown) =>
    typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
      ? `number:${value === 0 ? '-0' : value}`
      : value,
  );
}
