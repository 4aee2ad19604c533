import * as tf from '@tensorflow/tfjs-core';
import { type Recorder, type RecorderTable, resolveAxis } from '../recorder.js';
import { sizeOf, type TensorData } from '../value.js';

const GatherV2: Recorder<tf.GatherV2Attrs> = (b, { x, indices }, attrs) => {
  const { axis, batchDims } = attrs;
  if (indices!.dtype !== 'int32' || (batchDims ?? 0) !== 0 || x!.dtype === 'string') return undefined;
  if (sizeOf(indices!.shape) === 0 || sizeOf(x!.shape) === 0) return undefined;
  const along = resolveAxis(axis, x!.shape.length);
  refuseOutOfRange(b.knownData(indices!), x!.shape[along]!);
  const shape = [...x!.shape.slice(0, along), ...indices!.shape, ...x!.shape.slice(along + 1)];
  return b.record('GatherV2', { x: x!, indices: indices! }, { axis: along, batchDims: 0 }, shape, x!.dtype);
};

/** tfjs refuses what it can see at the call: indices that are not themselves still to be computed. */
function refuseOutOfRange(indices: TensorData | null, size: number): void {
  for (const index of (indices ?? []) as Int32Array) {
    tf.util.assert(index >= 0 && index < size, () => `GatherV2: the index value ${index} is not in [0, ${size - 1}]`);
  }
}

const GatherNd: Recorder = (b, { params, indices }) => {
  tf.gather_util.prepareAndValidate(params!, indices!);
  if (indices!.dtype !== 'int32' || params!.dtype !== 'float32') return undefined;
  if (sizeOf(params!.shape) === 0 || sizeOf(indices!.shape) === 0) return undefined;
  const depth = indices!.shape.at(-1)!;
  const shape = [...indices!.shape.slice(0, -1), ...params!.shape.slice(depth)];
  return b.record('GatherNd', { params: params!, indices: indices! }, {}, shape, params!.dtype);
};

/** Adds rows into a table by their ids; the gradient of `gather`. Negative ids are dropped, as in tfjs. */
const UnsortedSegmentSum: Recorder<tf.UnsortedSegmentSumAttrs> = (b, { x, segmentIds }, attrs) => {
  const { numSegments } = attrs;
  if (x!.dtype !== 'float32' || segmentIds!.dtype !== 'int32' || segmentIds!.shape.length !== 1) return undefined;
  const shape = [numSegments, ...x!.shape.slice(1)];
  return b.record('UnsortedSegmentSum', { x: x!, segmentIds: segmentIds! }, { numSegments }, shape, x!.dtype);
};

const OneHot: Recorder<tf.OneHotAttrs> = (b, { indices }, attrs) => {
  const { depth, onValue, offValue, dtype } = attrs;
  if (indices!.dtype !== 'int32') return undefined;
  const type = dtype ?? 'float32';
  if (type !== 'float32' && type !== 'int32' && type !== 'bool') return undefined;
  return b.record(
    'OneHot',
    { indices: indices! },
    { depth, onValue, offValue, dtype: type },
    [...indices!.shape, depth],
    type,
  );
};

const Range: Recorder<tf.RangeAttrs> = (b, _inputs, attrs) => {
  const { start, stop, step, dtype } = attrs;
  const size =
    start === stop || (start < stop && step < 0) || (stop < start && step > 1)
      ? 0
      : Math.abs(Math.ceil((stop - start) / step));
  const type = dtype ?? 'float32';
  const data = type === 'int32' ? new Int32Array(size) : new Float32Array(size);
  for (let i = 0, at = start; i < size; i++, at += start > stop && step === 1 ? -1 : step) data[i] = at;
  return b.own(data, [size], type);
};

/** Kernels that look elements up or put them in place by index. */
export const INDEXING: RecorderTable = { GatherV2, GatherNd, UnsortedSegmentSum, OneHot, Range };
