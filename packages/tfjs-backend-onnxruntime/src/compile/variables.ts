import { Value } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { type Datum, DeviceTensor } from '../execution/device-tensor.js';

/** All variables that tfjs knows, in order of creation for most. */
export function registeredVariables(): tf.Variable[] {
  return Object.values(
    (tf.engine() as unknown as { registeredVariables: Record<string, tf.Variable> }).registeredVariables,
  );
}

/**
 * Gives a variable new data, which may be memory that later steps update in place. Whoever shares its old data (a clone,
 * the tensor it was made from) keeps that: their tensors must not change when the variable does.
 */
export function setVariable(backend: OnnxRuntimeBackend, variable: tf.Variable, data: Datum): void {
  unshare(backend, variable);
  const entry = backend.entryOf(variable.dataId);
  backend.abandon(entry.value);
  const { shape, dtype } = variable;
  entry.value = data instanceof DeviceTensor ? Value.onDevice(data, shape, dtype) : Value.leaf(data, shape, dtype);
}

/**
 * Gives a variable a data id of its own, if clones or other variables share it. The variable keeps its memory, which a
 * step may update in place; the others then have a copy.
 */
export function unshare(backend: OnnxRuntimeBackend, variable: tf.Variable): void {
  const shared = backend.entryOf(variable.dataId);
  if (shared.refCount === 1) return;
  const { value } = shared;
  const data = backend.dataOf(variable);
  const own = backend.own(data, variable.shape, variable.dtype);
  const kept = backend.optimizerMemory.lasting(data);
  if (kept !== data) shared.value = Value.leaf(kept, value.shape, value.dtype);
  const tensor = tf.engine().makeTensorFromTensorInfo(own, backend);
  variable.assign(tensor);
  tensor.dispose();
}
