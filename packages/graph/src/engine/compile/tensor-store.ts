import type * as tf from '@tensorflow/tfjs-core';
import type { Entry, RecordingBackend } from '../../recording-backend.js';
import type { DeviceData, TensorData } from '../../value.js';

/** Tensors and the data behind them: what those need who give variables other memory. */
export interface TensorStore {
  entryOf(dataId: tf.DataId): Entry;
  /** The data behind a tensor, computed if it was not yet. */
  dataOf(info: tf.TensorInfo): TensorData;
  /** A data id of its own for `data`. */
  own(data: TensorData, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  /** A data id of its own for elements on a device. */
  ownDevice(device: DeviceData, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  /** The data itself if it has memory of its own, else a copy that has. */
  ownData(data: TensorData): TensorData;
  markCommon: RecordingBackend['markCommon'];
  releaseDevice: RecordingBackend['releaseDevice'];
  /** A tensor for a data id, whose reference it takes over. */
  makeTensor(info: tf.TensorInfo): tf.Tensor;
  /** True for data that a later step of a compiled function changes where it lies. */
  isUpdatedInPlace(data: TensorData): boolean;
}
