import { type NumericData, type TensorData, Value } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';

/** All variables that tfjs knows, in order of creation for most. */
export function registeredVariables(): tf.Variable[] {
  return Object.values(
    (tf.engine() as unknown as { registeredVariables: Record<string, tf.Variable> }).registeredVariables,
  );
}

/**
 * Gives a variable new data. Whoever shares its old data (a clone, the tensor it was made from) keeps that: their
 * tensors must not change when the variable does.
 *
 * @param volatile the data is memory that later steps update in place
 */
export function setVariable(
  backend: OnnxRuntimeBackend,
  variable: tf.Variable,
  data: TensorData,
  volatile = false,
): void {
  const next = Value.leaf(data, variable.shape, variable.dtype);
  next.volatile = volatile;
  const entry = backend.entryOf(variable.dataId);
  if (entry.refCount === 1) {
    entry.value = next;
    return;
  }
  unshare(backend, variable);
  backend.entryOf(variable.dataId).value = next;
}

/** Leaves the variable's present data to those who share it, under a data id of their own. */
export function unshare(backend: OnnxRuntimeBackend, variable: tf.Variable): void {
  const { value } = backend.entryOf(variable.dataId);
  const own = backend.own(value.data!, variable.shape, variable.dtype);
  Object.assign(backend.entryOf(own.dataId).value, { volatile: value.volatile, isSlab: value.isSlab });
  if (value.volatile) {
    const kept = Value.leaf((value.data as NumericData).slice(), value.shape, value.dtype);
    backend.entryOf(variable.dataId).value = kept;
  }
  const tensor = tf.engine().makeTensorFromTensorInfo(own, backend);
  variable.assign(tensor);
  tensor.dispose();
}
