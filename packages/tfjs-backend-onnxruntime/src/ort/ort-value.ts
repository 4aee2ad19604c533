import { ONNX_DTYPES, type OnnxData, type OnnxDtype } from '../onnx/graph.js';
import { OrtError } from './ort-error.js';

/** A tensor that goes into or comes out of a session. Build one by {@link hostValue}. */
export interface OrtValue {
  readonly dtype: OnnxDtype;
  readonly dims: readonly number[];
  readonly location: 'cpu' | 'gpu-buffer';
  /**
   * The elements; a view, not a copy.
   *
   * @throws OrtError when they are on a device: `DeviceCopies` gets them
   */
  readonly data: OnnxData;
  /** Frees device memory; nothing to do for values in memory. */
  dispose(): void;
}

/**
 * A value in memory, over `data` itself: ONNX Runtime reads it from there, or writes an output there. `data` may be a
 * part of a larger buffer or of a WebAssembly.Memory. Make it once and use it in every run.
 *
 * @throws OrtError `shape` when data, dtype and dims do not fit each other, or data is shared between threads
 */
export function hostValue(dtype: OnnxDtype, data: OnnxData, dims: readonly number[]): OrtValue {
  return new HostValue(dtype, data, dims);
}

/** The native side reads `type`, `dims`, `data` and `location` of whatever object it is given. */
export class HostValue implements OrtValue {
  readonly location = 'cpu';
  readonly type: OnnxDtype;
  readonly data: OnnxData;
  readonly dims: readonly number[];

  constructor(dtype: OnnxDtype, data: OnnxData, dims: readonly number[]) {
    const size = dims.reduce((product, dimension) => product * dimension, 1);
    const { array, bytes } = ONNX_DTYPES[dtype];
    const fits = dtype === 'float16' ? data.BYTES_PER_ELEMENT === bytes : data.constructor === array;
    if (!fits || data.length !== size) {
      throw new OrtError('shape', {
        where: 'onnxruntime value',
        expected: `${array.name} of ${size} elements for ${dtype} [${dims}]`,
        got: `${data.constructor.name} of ${data.length}`,
      });
    }
    if (typeof SharedArrayBuffer !== 'undefined' && data.buffer instanceof SharedArrayBuffer) {
      throw new OrtError('shape', {
        where: 'onnxruntime value',
        expected: 'memory of one thread',
        got: 'a SharedArrayBuffer, which the native binding does not read',
        remedy: 'copy it into an array of its own',
      });
    }
    this.type = dtype;
    this.data = data;
    this.dims = dims;
  }

  get dtype(): OnnxDtype {
    return this.type;
  }

  /** True when the memory behind it went away: transferred to a worker, or a WebAssembly.Memory that grew. */
  get isDetached(): boolean {
    return this.data.byteLength === 0 && !this.dims.includes(0);
  }

  dispose(): void {}
}

/** True for values in memory. */
export function isHostValue(value: OrtValue): value is HostValue {
  return value instanceof HostValue;
}

/** A tensor as the native side makes it (the `Tensor` of onnxruntime-common). */
export interface NativeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: string;
  readonly data: OnnxData;
  readonly gpuBuffer?: unknown;
  dispose(): void;
}

/** A value from a result of the native side in memory. */
export function nativeHostValue({ type, data, dims }: NativeTensor): OrtValue {
  return new HostValue(type as OnnxDtype, data, dims);
}

/** A value on a WebGPU device; it can be fed to the next run without a copy. */
export class DeviceValue implements OrtValue {
  readonly location = 'gpu-buffer';
  readonly type: OnnxDtype;
  readonly dims: readonly number[];
  readonly #freed: () => void;
  #tensor: NativeTensor | undefined;

  /** @param freed called once the device memory is */
  constructor(tensor: NativeTensor, freed: () => void) {
    this.#tensor = tensor;
    this.#freed = freed;
    this.type = tensor.type as OnnxDtype;
    this.dims = tensor.dims;
  }

  get dtype(): OnnxDtype {
    return this.type;
  }

  /** Read by the native side. */
  get gpuBuffer(): unknown {
    return this.#open().gpuBuffer;
  }

  get data(): OnnxData {
    throw new OrtError('run', {
      where: 'onnxruntime value',
      problem: 'its elements are on the GPU',
      remedy: 'copy them with DeviceCopies, or fetch this output to the CPU with preferredOutputLocation',
    });
  }

  dispose(): void {
    if (!this.#tensor) return;
    this.#tensor.dispose();
    this.#tensor = undefined;
    this.#freed();
  }

  #open(): NativeTensor {
    if (this.#tensor) return this.#tensor;
    throw new OrtError('run', { where: 'onnxruntime value', problem: 'used after dispose()' });
  }
}
