import { EngineError, isLent } from '@diptych/core';
import { isTaping } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { callSite } from './call-site.js';
import { SlabAllocator } from './slab.js';
import {
  type Attributes,
  allocate,
  type DeviceData,
  Node,
  sameShape,
  sizeOf,
  type TensorData,
  Value,
} from './value.js';

/** What the storage knows of one tfjs data id. */
export interface Entry {
  value: Value;
  refCount: number;
  /** A complex64 tensor is two float32 tensors, which it owns. */
  parts?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

type DataId = tf.DataId;

/** Inputs of a kernel: by name, or a list. */
export type KernelInputs = tf.NamedTensorInfoMap | readonly tf.TensorInfo[];

/** One shape and dtype that an operation produces. */
export interface OutputType {
  shape: readonly number[];
  dtype: tf.DataType;
}

/**
 * A tfjs backend whose kernels only record: each adds a node to a graph, and reading a tensor computes what it needs.
 * Subclasses say how, in {@link evaluate}.
 */
export abstract class RecordingBackend extends tf.KernelBackend {
  protected readonly storage: tf.DataStorage<Entry>;
  /** Live tensors that were recorded and not computed yet. */
  protected readonly pending = new Set<Entry>();
  /** Memory that several tensors lie in, or that is updated in place. */
  readonly #common = new WeakSet<ArrayBufferLike>();
  readonly #slabs = new SlabAllocator((slab) => this.markCommon(slab));
  /** Device memory of values that are gone, which recorded operations may still read. */
  readonly #releasedLater: DeviceData[] = [];
  /** Nodes recorded since the last flush; bounds the graph of a program that never reads. */
  #recorded = 0;
  /** Not null while `compile` records; holds the values that stand for arguments and variables. */
  protected recording: { frozen: ReadonlySet<Value>; gradients: boolean } | null = null;

  constructor(
    /** The name that error messages give this backend. */
    readonly label: string,
    private readonly maxPendingNodes = 50_000,
  ) {
    super();
    this.storage = new tf.DataStorage<Entry>(this, tf.engine());
  }

  /** Computes `values` and settles each of them. May also settle others. */
  protected abstract evaluate(values: readonly Value[]): void;

  // ---- recording, used by the kernels

  /** Adds an operation with one output. `inputs` are named as the tfjs kernel names them. */
  record(
    op: string,
    inputs: KernelInputs,
    attrs: Attributes,
    shape: readonly number[],
    dtype: tf.DataType,
  ): tf.TensorInfo {
    return this.recordMany(op, inputs, attrs, [{ shape, dtype }])[0]!;
  }

  /** Adds an operation with several outputs. */
  recordMany(op: string, inputs: KernelInputs, attrs: Attributes, types: readonly OutputType[]): tf.TensorInfo[] {
    if (++this.#recorded > this.maxPendingNodes && !this.recording) this.flush();
    if (this.recording && !this.recording.gradients) this.recording.gradients = isTaping();
    const names = Object.keys(inputs);
    const infos: tf.TensorInfo[] = Object.values(inputs as tf.NamedTensorInfoMap) as tf.TensorInfo[];
    const node = new Node(
      op,
      infos.map((info) => this.graphValue(info)),
      attrs,
      names,
    );
    return types.map(({ shape, dtype }, index) => {
      const value = new Value(shape, dtype, node, index);
      node.outputs.push(value);
      const entry = { value, refCount: 1 };
      const dataId = {};
      this.storage.set(dataId, entry);
      this.pending.add(entry);
      return { dataId, shape: shape as number[], dtype };
    });
  }

  /** The same data under another shape; costs nothing until an operation reads it. */
  alias(x: tf.TensorInfo, shape: readonly number[] = x.shape): tf.TensorInfo {
    this.incRef(x.dataId);
    return { dataId: x.dataId, shape: shape as number[], dtype: x.dtype };
  }

  /** A new tensor of `data`, which must not change afterwards; others may refer to it. */
  own(data: TensorData, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const dataId = {};
    this.storage.set(dataId, { value: Value.leaf(data, shape, dtype), refCount: 1 });
    return { dataId, shape: shape as number[], dtype };
  }

  /** A new tensor of elements on a device, which it holds from now on. */
  ownDevice(device: DeviceData, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const dataId = {};
    this.storage.set(dataId, { value: Value.onDevice(device, shape, dtype), refCount: 1 });
    return { dataId, shape: shape as number[], dtype };
  }

  /** A tensor of equal elements; kept symbolic, so that gradients full of ones cost no memory. */
  fill(shape: readonly number[], value: number, dtype: tf.DataType): tf.TensorInfo {
    return this.record('Fill', {}, { shape, value, dtype }, shape, dtype);
  }

  /** A tensor that gets its data at each run of a compiled function. */
  placeholder(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const dataId = {};
    this.storage.set(dataId, { value: new Value(shape, dtype), refCount: 1 });
    return { dataId, shape: shape as number[], dtype };
  }

  /** What the storage knows of a tensor, for those that manage its memory themselves. */
  entryOf(dataId: DataId): Entry {
    return this.storage.get(dataId);
  }

  /** Marks memory that several tensors lie in, or that is updated in place: nobody gets an array of it, only copies. */
  markCommon(memory: ArrayBufferLike): void {
    this.#common.add(memory);
  }

  /** The data itself if it has memory of its own, else a copy that has. */
  ownData(data: TensorData): TensorData {
    return !Array.isArray(data) && this.#common.has(data.buffer) ? data.slice() : data;
  }

  /** Frees what a value has on a device, as soon as nothing recorded can read it. */
  releaseDevice({ device }: Value): void {
    if (!device) return;
    this.#releasedLater.push(device);
    this.#freeReleased();
  }

  #freeReleased(): void {
    if (this.pending.size > 0) return;
    for (const device of this.#releasedLater.splice(0)) device.dispose();
  }

  /** The data of a tensor if it is there without computing anything. */
  knownData(info: tf.TensorInfo): TensorData | null {
    return this.storage.get(info.dataId).value.data;
  }

  /**
   * Runs `trace` with every kernel recorded and every read of unknown data refused.
   *
   * @returns what `trace` returns, and whether it asked for gradients
   */
  recordWhile<T>(known: ReadonlySet<Value>, trace: () => T): { result: T; gradients: boolean } {
    const recording = { frozen: known, gradients: false };
    this.recording = recording;
    try {
      const result = trace();
      return { result, gradients: recording.gradients };
    } finally {
      this.recording = null;
      // What the trace leaves behind was never meant to be computed here.
      for (const entry of this.pending) this.pending.delete(entry);
    }
  }

  get isRecording(): boolean {
    return this.recording !== null;
  }

  /** The graph value behind a tensor, in the tensor's shape. */
  graphValue(info: tf.TensorInfo): Value {
    const { value } = this.storage.get(info.dataId);
    if (sameShape(value.shape, info.shape)) return value;
    value.views ??= new Map();
    const key = info.shape.join();
    let view = value.views.get(key);
    if (!view) {
      const node = new Node('Reshape', [value], { shape: info.shape }, ['x']);
      view = new Value(info.shape.slice(), value.dtype, node);
      node.outputs.push(view);
      value.views.set(key, view);
    }
    return view;
  }

  /** A complex64 tensor over two float32 tensors, whose references it takes over. */
  complexOf(real: tf.TensorInfo, imag: tf.TensorInfo): tf.TensorInfo {
    const dataId = {};
    const value = new Value(real.shape, 'complex64');
    this.storage.set(dataId, { value, refCount: 1, parts: { real, imag } });
    return { dataId, shape: real.shape, dtype: 'complex64' };
  }

  /** The parts of a complex64 tensor. */
  complexParts(info: tf.TensorInfo): { real: tf.TensorInfo; imag: tf.TensorInfo } {
    return this.storage.get(info.dataId).parts!;
  }

  // ---- tfjs storage

  override write(data: tf.BackendValues, shape: number[], dtype: tf.DataType): DataId {
    const dataId = {};
    const value = isLongZero(data, dtype) ? Value.repeated(0, shape, dtype) : this.#copied(data, shape, dtype);
    this.storage.set(dataId, { value, refCount: 1 });
    return dataId;
  }

  #copied(data: tf.BackendValues, shape: number[], dtype: tf.DataType): Value {
    const typed =
      (dtype === 'float32' && data instanceof Float32Array) || (dtype === 'int32' && data instanceof Int32Array);
    if (typed && isLent(data) && data.buffer instanceof ArrayBuffer) return Value.leaf(data, shape, dtype);
    const slab = typed ? this.#slabs.copy(data) : null;
    return Value.leaf(slab ?? copyData(data, dtype), shape, dtype);
  }

  override move(dataId: DataId, data: tf.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void {
    if (dtype === 'complex64') {
      const { real, imag } = tf.backend_util.splitRealAndImagArrays(data as Float32Array);
      const parts = { real: this.own(real, shape, 'float32'), imag: this.own(imag, shape, 'float32') };
      this.storage.set(dataId, { value: new Value(shape, dtype), refCount, parts });
      return;
    }
    this.storage.set(dataId, { value: Value.leaf(copyData(data, dtype), shape, dtype), refCount });
  }

  override readSync(dataId: DataId): tf.BackendValues {
    const entry = this.storage.get(dataId);
    if (entry.parts) {
      const [real, imag] = [entry.parts.real, entry.parts.imag].map((part) => this.readSync(part.dataId));
      return tf.backend_util.mergeRealAndImagArrays(real as Float32Array, imag as Float32Array);
    }
    const { value } = entry;
    if (this.recording && (value.data === null || this.recording.frozen.has(value))) this.#refuseRead(value);
    if (value.data === null) this.flush([entry]);
    return this.ownData(value.data!);
  }

  override async read(dataId: DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  /** The buffer behind a tensor, for tfjs's own kernels that ask for one. */
  bufferSync(info: tf.TensorInfo): tf.TensorBuffer<tf.Rank, tf.DataType> {
    const data = this.readSync(info.dataId);
    const decoded = info.dtype === 'string' ? (data as Uint8Array[]).map((bytes) => tf.util.decodeString(bytes)) : data;
    return tf.buffer(info.shape as [number], info.dtype, decoded as Float32Array);
  }

  override refCount(dataId: DataId): number {
    return this.storage.has(dataId) ? this.storage.get(dataId).refCount : 0;
  }

  override incRef(dataId: DataId): void {
    this.storage.get(dataId).refCount++;
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.storage.has(dataId)) return true;
    const entry = this.storage.get(dataId);
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    if (entry.parts) {
      this.disposeData(entry.parts.real.dataId);
      this.disposeData(entry.parts.imag.dataId);
    }
    this.storage.delete(dataId);
    this.pending.delete(entry);
    this.releaseDevice(entry.value);
    return true;
  }

  override numDataIds(): number {
    return this.storage.numDataIds();
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: true, reasons: ['Recorded tensors take no memory until they are computed.'] };
  }

  override async time(run: () => void): Promise<tf.BackendTimingInfo> {
    const start = tf.util.now();
    run();
    this.flush();
    return { kernelMs: tf.util.now() - start };
  }

  /** Releases what the backend holds; recorded graphs go with the tensors. */
  override dispose(): void {}

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  /**
   * Computes all live recorded tensors in one graph, so that what they share is computed once. When that fails, one
   * bad operation must not take the others with it: then `wanted` alone is computed, and its error is the one thrown.
   */
  flush(wanted: readonly Entry[] = []): void {
    this.#recorded = 0;
    const live = [...new Set([...this.pending, ...wanted])];
    const isFill = ({ value }: Entry) => value.node?.op === 'Fill';
    const all = live.filter((entry) => !entry.value.isKnown && !isFill(entry));
    if (all.length > 0) this.#evaluate(all, wanted);
    // What is all one element needs no array until somebody reads it.
    for (const { value } of live.filter(isFill)) value.settleRepeated(value.node!.attrs.value as number);
    for (const entry of live) if (entry.value.isKnown) this.pending.delete(entry);
    this.#freeReleased();
  }

  #evaluate(all: readonly Entry[], wanted: readonly Entry[]): void {
    try {
      this.evaluate(all.map(({ value }) => value));
    } catch (error) {
      const needed = wanted.filter((entry) => all.includes(entry));
      if (wanted.length === 0 || all.length === needed.length) throw error;
      if (needed.length > 0) this.evaluate(needed.map(({ value }) => value));
    }
  }

  #refuseRead(value: Value): never {
    const what = value.node ? `the result of ${value.node.op}` : 'an argument or variable of the compiled function';
    throw new EngineError({
      where: `${this.label}.compile`,
      problem: `${what} (shape [${value.shape}]) was read while recording, at ${callSite()}`,
      remedy:
        'values are known only when the function runs: return the tensor and read it outside, or keep this part out of compile()',
    });
  }
}

/** Arrays of this length and more are worth a look at whether they are all zero. */
const LONG = 4096;

function isLongZero(data: tf.BackendValues, dtype: tf.DataType): boolean {
  if (dtype === 'string' || dtype === 'complex64' || !ArrayBuffer.isView(data) || data.length < LONG) return false;
  for (const element of data as Float32Array) if (element !== 0) return false;
  return true;
}

function copyData(data: tf.BackendValues, dtype: tf.DataType): TensorData {
  if (dtype === 'string') return (data as Uint8Array[]).slice();
  if (data instanceof Float32Array && dtype === 'float32') return data.slice();
  if (data instanceof Int32Array && dtype === 'int32') return data.slice();
  if (data instanceof Uint8Array && dtype === 'bool') return data.slice();
  const source = data instanceof ArrayBuffer ? tf.util.convertBackendValuesAndArrayBuffer(data, dtype) : data;
  const copy = allocate(dtype, source.length);
  copy.set(source as Float32Array);
  return copy;
}

/** Elements of a shape times bytes an element; what a tensor of it takes. */
export function bytesOf(shape: readonly number[], dtype: tf.DataType): number {
  return sizeOf(shape) * (dtype === 'bool' ? 1 : 4);
}
