import type * as tf from '@tensorflow/tfjs-core';
import { type DeviceData, isDeviceData, type TensorData, Value } from '../../value.js';
import type { TensorStore } from './tensor-store.js';

/**
 * Gives a variable new data, which may be memory that later steps update in place. Whoever shares its old data (a clone,
 * the tensor it was made from) keeps that: their tensors must not change when the variable does.
 */
export function setVariable(store: TensorStore, variable: tf.Variable, data: TensorData | DeviceData): void {
  separateVariable(store, variable);
  const entry = store.entryOf(variable.dataId);
  store.releaseDevice(entry.value);
  const { shape, dtype } = variable;
  entry.value = isDeviceData(data) ? Value.onDevice(data, shape, dtype) : Value.leaf(data, shape, dtype);
}

/**
 * Gives a variable a data id of its own, if clones or other variables share it. The variable keeps its memory, which a
 * step may update in place; the others then have a copy.
 */
export function separateVariable(store: TensorStore, variable: tf.Variable): void {
  const shared = store.entryOf(variable.dataId);
  if (shared.refCount === 1) return;
  const { value } = shared;
  if (value.isOnDeviceAlone && value.device!.share) {
    const own = store.ownDevice(value.device!.share(), value.shape, value.dtype);
    assignTo(store, variable, { ...own, shape: variable.shape });
    return;
  }
  const data = store.dataOf(variable);
  const own = store.own(data, variable.shape, variable.dtype);
  if (store.isUpdatedInPlace(data)) shared.value = Value.leaf(store.ownData(data), value.shape, value.dtype);
  assignTo(store, variable, own);
}

function assignTo(store: TensorStore, variable: tf.Variable, own: tf.TensorInfo): void {
  const tensor = store.makeTensor(own);
  variable.assign(tensor);
  tensor.dispose();
}
