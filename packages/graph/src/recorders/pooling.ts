import * as tf from '@tensorflow/tfjs-core';
import type { Recorder, RecorderTable } from '../recorder.js';
import { windowOf } from './convolution.js';

function pooling(op: string, sizedBy: 'x' | 'input', result: 'outShape' | 'inShape'): Recorder<tf.MaxPoolAttrs> {
  return (b, inputs, attrs) => {
    const shape = inputs[sizedBy]!.shape as [number, number, number, number];
    if (inputs[sizedBy]!.dtype !== 'float32') return undefined;
    const { filterSize, strides, pad, dimRoundingMode } = attrs;
    const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const { kernel, pads } = windowOf(info);
    // Windows that lie in the padding alone have no maximum or mean.
    if (pads.some((padding, i) => padding >= kernel[i % 2]!)) return undefined;
    // tfjs means the whole window's size here, padding included, and only here.
    if (op === 'AvgPoolGrad' && Array.isArray(pad)) return undefined;
    return b.record(op, inputs, { ...attrs, window: windowOf(info) }, info[result], 'float32');
  };
}

/** Pooling of NHWC images, and its gradients. */
export const POOLING: RecorderTable = {
  MaxPool: pooling('MaxPool', 'x', 'outShape'),
  MaxPoolGrad: pooling('MaxPoolGrad', 'input', 'inShape'),
  AvgPool: pooling('AvgPool', 'x', 'outShape'),
  AvgPoolGrad: pooling('AvgPoolGrad', 'input', 'inShape'),
};
