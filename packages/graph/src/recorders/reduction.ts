import type * as tf from '@tensorflow/tfjs-core';
import { type Recorder, type RecorderTable, resolveAxes, resolveAxis } from '../recorder.js';

/** Shape after reducing `axes`. */
export function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  return shape.flatMap((dimension, i) => (!axes.includes(i) ? [dimension] : keepDims ? [1] : []));
}

function reduction(op: string, accepts: readonly tf.DataType[], axisName = 'axis'): Recorder {
  return (b, { x }, attrs) => {
    if (!accepts.includes(x!.dtype)) return undefined;
    const axes = resolveAxes(attrs?.[axisName] as number | number[] | undefined, x!.shape);
    const keepDims = Boolean(attrs?.keepDims);
    const recorded = { axes, [axisName]: axes, keepDims };
    return b.record(op, { x: x! }, recorded, reducedShape(x!.shape, axes, keepDims), x!.dtype);
  };
}

/** Index of the extreme along one axis; the axis goes away. */
function argReduction(op: string): Recorder {
  return (b, { x }, attrs) => {
    if (x!.dtype !== 'float32' && x!.dtype !== 'int32') return undefined;
    const axes = resolveAxes(attrs.axis as number, x!.shape);
    if (axes.length !== 1) return undefined;
    return b.record(op, { x: x! }, { axis: axes[0], axes }, reducedShape(x!.shape, axes, false), 'int32');
  };
}

const Cumsum: Recorder<tf.CumsumAttrs> = (b, { x }, attrs) => {
  if (x!.dtype !== 'float32' && x!.dtype !== 'int32') return undefined;
  const { axis, exclusive, reverse } = attrs;
  const recorded = { axis: resolveAxis(axis ?? 0, x!.shape.length), exclusive: !!exclusive, reverse: !!reverse };
  return b.record('Cumsum', { x: x! }, recorded, x!.shape, x!.dtype);
};

/** The `k` largest along the last axis, with their indices. */
const TopK: Recorder<tf.TopKAttrs> = (b, { x }, attrs) => {
  const { k, sorted } = attrs;
  if (x!.dtype !== 'float32' || x!.shape.length === 0) return undefined;
  const shape = [...x!.shape.slice(0, -1), k];
  return b.recordMany('TopK', { x: x! }, { k, sorted }, [
    { shape, dtype: x!.dtype },
    { shape, dtype: 'int32' },
  ]);
};

/** Kernels that fold or scan an axis. */
export const REDUCTION: RecorderTable = {
  Sum: (b, inputs, attrs) => {
    const { x } = inputs;
    if (x!.dtype !== 'bool') return reduction('Sum', ['float32', 'int32'])(b, inputs, attrs);
    const counted = b.record('Cast', { x: x! }, { dtype: 'int32' }, x!.shape, 'int32');
    const sum = reduction('Sum', ['int32'])(b, { x: counted }, attrs);
    b.disposeData(counted.dataId);
    return sum;
  },
  Mean: reduction('Mean', ['float32']),
  Prod: reduction('Prod', ['float32']),
  Max: reduction('Max', ['float32', 'int32'], 'reductionIndices'),
  Min: reduction('Min', ['float32', 'int32']),
  All: reduction('All', ['bool']),
  Any: reduction('Any', ['bool']),
  ArgMax: argReduction('ArgMax'),
  ArgMin: argReduction('ArgMin'),
  Cumsum,
  TopK,
};
