import '@tensorflow/tfjs-backend-cpu';
import { EngineError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Attributes, TensorData } from '../../value.js';

/** What this file uses of tfjs-backend-cpu's backend object. */
interface PortableBackend extends tf.KernelBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.BackendValues): tf.TensorInfo;
}

/** A tensor outside any backend. */
export interface PlainTensor {
  data: TensorData;
  shape: readonly number[];
  dtype: tf.DataType;
}

/** A complex64 tensor outside any backend. */
export interface PlainComplex {
  real: PlainTensor;
  imag: PlainTensor;
  shape: readonly number[];
  dtype: 'complex64';
}

export type Plain = PlainTensor | PlainComplex;

/** The portable backend, whose kernels define what every operation means. */
function portableBackend(): PortableBackend {
  const backend = tf.findBackend('cpu') as PortableBackend & { firstUse: boolean };
  // Its advice to install tfjs-node is not for those who installed this.
  backend.firstUse = false;
  return backend;
}

/**
 * Runs one kernel of tfjs-backend-cpu on plain data. Inputs may be single tensors or lists of them.
 *
 * @returns the outputs; `isList` for kernels that return a list, be it of one
 */
export function runPortable(
  kernelName: string,
  inputs: Record<string, Plain | Plain[]> | Plain[],
  attrs: Attributes,
): { outputs: Plain[]; isList: boolean } {
  const backend = portableBackend();
  const kernel = tf.getKernel(kernelName, 'cpu');
  if (!kernel) {
    throw new EngineError({
      where: kernelName,
      problem: 'neither the engine nor tfjs-backend-cpu has this kernel',
      remedy: 'write it with other tfjs operations',
    });
  }
  const owned: tf.TensorInfo[] = [];
  const enter = (x: Plain): tf.TensorInfo => {
    const info =
      x.dtype === 'complex64' ? enterComplex(backend, x as PlainComplex) : enterPlain(backend, x as PlainTensor);
    owned.push(info);
    return info;
  };
  const entered = Array.isArray(inputs)
    ? inputs.map(enter)
    : Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, Array.isArray(x) ? x.map(enter) : enter(x)]));
  try {
    const results = kernel.kernelFunc({
      inputs: entered as tf.NamedTensorInfoMap,
      attrs: attrs as tf.NamedAttrMap,
      backend,
    });
    const list = Array.isArray(results) ? results : [results];
    const plain = list.map((info) => leave(backend, info));
    // A few portable kernels (Abs) return tensors, which tfjs counts.
    for (const info of list) {
      if (info instanceof tf.Tensor) info.dispose();
      else backend.disposeData(info.dataId);
    }
    return { outputs: plain, isList: Array.isArray(results) };
  } finally {
    for (const info of owned) backend.disposeData(info.dataId);
  }
}

function enterPlain(backend: PortableBackend, { data, shape, dtype }: PlainTensor): tf.TensorInfo {
  const dataId = backend.write(data as tf.BackendValues, shape as number[], dtype);
  // Some portable kernels ask for `rank`, which tensors have and TensorInfo does not.
  return { dataId, shape: shape as number[], dtype, rank: shape.length } as tf.TensorInfo;
}

function enterComplex(backend: PortableBackend, { real, imag }: PlainComplex): tf.TensorInfo {
  const parts = { real: enterPlain(backend, real), imag: enterPlain(backend, imag) };
  const info = tf.getKernel('Complex', 'cpu').kernelFunc({ inputs: parts, attrs: {}, backend }) as tf.TensorInfo;
  for (const part of Object.values(parts)) backend.disposeData(part.dataId);
  return info;
}

function leave(backend: PortableBackend, { dataId, shape, dtype }: tf.TensorInfo): Plain {
  const data = backend.readSync(dataId);
  if (dtype !== 'complex64') return { data: typed(data, dtype), shape, dtype };
  const { real, imag } = tf.backend_util.splitRealAndImagArrays(data as Float32Array);
  return {
    real: { data: real, shape, dtype: 'float32' },
    imag: { data: imag, shape, dtype: 'float32' },
    shape,
    dtype,
  };
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** The portable kernels sometimes return plain lists, or arrays of another type, which tfjs tolerates. */
function typed(data: tf.BackendValues, dtype: tf.DataType): TensorData {
  if (dtype === 'string') return data as Uint8Array[];
  const type = ARRAYS[dtype as 'float32'];
  return (data as object) instanceof type ? (data as Float32Array) : type.from(data as ArrayLike<number>);
}
