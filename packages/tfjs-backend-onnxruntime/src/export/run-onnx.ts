import { ConfigError, checkFields, checkPath } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { ONNX_DTYPES, type OnnxData } from '../onnx/index.js';
import { createSession, hostValue, type OrtMetadata, type OrtValue } from '../ort/index.js';

/**
 * Runs an ONNX model once in ONNX Runtime, as another program would: to compare what it gives with the function that it was
 * made of.
 *
 * @param model a path, or the bytes of a model
 * @param feeds a tensor for each of its inputs, by name; int32 for those of int64
 * @returns a new tensor for each output, by name
 * @throws ConfigError for an input without a tensor; OrtError if the model is refused, or fails on these shapes
 */
export function runOnnx(
  model: string | Uint8Array,
  feeds: Readonly<Record<string, tf.Tensor>>,
): Record<string, tf.Tensor> {
  checkFields('runOnnx', 'inputs by name', feeds, []);
  const opened = openOnnx(model);
  try {
    return opened.run(feeds);
  } finally {
    opened.dispose();
  }
}

/** A model in ONNX Runtime, for several calls. */
export interface OpenedOnnx {
  /** As {@link runOnnx}. */
  run(feeds: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor>;
  dispose(): void;
}

/**
 * Opens an ONNX model in ONNX Runtime, to run it more often than once.
 *
 * @param model a path, or the bytes of a model
 * @throws OrtError if the model is refused
 */
export function openOnnx(model: string | Uint8Array): OpenedOnnx {
  if (!(model instanceof Uint8Array)) checkPath('openOnnx', model);
  const session = createSession(model);
  return {
    run(feeds) {
      const inputs = session.inputs.map((input) => [input.name, feedOf(input, feeds[input.name])] as const);
      const fetches = Object.fromEntries(session.outputs.map(({ name }) => [name, null]));
      const results = session.run(Object.fromEntries(inputs), fetches);
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, tensorOf(value)]));
    },
    dispose: () => session.dispose(),
  };
}

function feedOf({ name, dtype }: OrtMetadata, tensor: tf.Tensor | undefined): OrtValue {
  if (!tensor || dtype === 'other') {
    throw new ConfigError({
      where: 'runOnnx',
      expected: `a tensor for input '${name}' (${dtype})`,
      got: String(tensor),
    });
  }
  const data = tensor.dataSync();
  const { array } = ONNX_DTYPES[dtype];
  const given = dtype === 'int64' ? BigInt64Array.from(data as Int32Array, BigInt) : data;
  if (!(given instanceof array)) {
    throw new ConfigError({ where: `runOnnx: ${name}`, expected: `a tensor of ${dtype}`, got: tensor.dtype });
  }
  return hostValue(dtype, given as OnnxData, tensor.shape);
}

function tensorOf({ dtype, data, dims }: OrtValue): tf.Tensor {
  const numbers = dtype === 'int64' ? Int32Array.from(data as BigInt64Array, Number) : (data as Float32Array);
  return tf.tensor(numbers, dims as number[], dtype === 'float32' || dtype === 'bool' ? dtype : 'int32');
}
