import * as tf from '@tensorflow/tfjs-core';
import type { Recorder, RecorderTable } from '../recorder.js';
import { sameShape } from '../value.js';
import { applyActivation } from './activation.js';

type Quad = [number, number, number, number];

/** How a window slides over an image: what every convolution and pooling needs to know, in plain numbers. */
export interface Window {
  kernel: [number, number];
  strides: [number, number];
  dilations: [number, number];
  /** top, left, bottom, right */
  pads: Quad;
  /** height, width of the larger side (input of the forward direction). */
  input: [number, number];
  /** height, width of the smaller side. */
  output: [number, number];
}

/** The window of tfjs's Conv2DInfo, which also serves pooling. */
export function windowOf(info: tf.backend_util.Conv2DInfo): Window {
  const { top, left, bottom, right } = info.padInfo;
  return {
    kernel: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [top, left, bottom, right],
    input: [info.inHeight, info.inWidth],
    output: [info.outHeight, info.outWidth],
  };
}

type Geometry = Pick<tf.Conv2DAttrs, 'strides' | 'pad' | 'dimRoundingMode'> & {
  dataFormat?: string;
  dilations?: [number, number] | number;
  /** Of gradients: the shape that they have. */
  inputShape?: number[];
  filterShape?: number[];
};

function convInfo(x: readonly number[], filter: readonly number[], attrs: Geometry, depthwise: boolean) {
  if (attrs.dataFormat === 'NCHW') return undefined;
  return tf.backend_util.computeConv2DInfo(
    x as Quad, filter as Quad, attrs.strides, attrs.dilations ?? 1, attrs.pad, attrs.dimRoundingMode, depthwise, 'channelsLast',
  ); // biome-ignore format: one call
}

/** `pick` says which shapes the geometry is computed from, and which of them comes out. */
function convolution(
  op: string,
  depthwise: boolean,
  shapesOf: (inputs: Record<string, tf.TensorInfo>, attrs: Geometry) => [readonly number[], readonly number[]],
  result: 'outShape' | 'inShape' | 'filterShape',
): Recorder<Geometry> {
  return (b, inputs, attrs) => {
    if (!Object.values(inputs).every((t) => t.dtype === 'float32')) return undefined;
    const info = convInfo(...shapesOf(inputs, attrs), attrs, depthwise);
    if (!info) return undefined;
    // tfjs computes nonsense for a gradient of another shape than the forward result; leave that to the portable kernel.
    if (inputs.dy && !sameShape(inputs.dy.shape, info.outShape)) return undefined;
    return b.record(op, inputs, { ...attrs, window: windowOf(info) }, info[result], 'float32');
  };
}

const Conv2D = convolution('Conv2D', false, ({ x, filter }) => [x!.shape, filter!.shape], 'outShape');
const DepthwiseConv2dNative = convolution(
  'DepthwiseConv2dNative', true, ({ x, filter }) => [x!.shape, filter!.shape], 'outShape',
); // biome-ignore format: a table

const fused =
  (convolve: Recorder<Geometry>): Recorder<Geometry & tf.NamedAttrMap> =>
  (b, inputs, attrs) => {
    const out = convolve(b, { x: inputs.x!, filter: inputs.filter! }, attrs) as tf.TensorInfo | undefined;
    return out && applyActivation(b, out, inputs, attrs);
  };

/** Convolutions of NHWC images with HWIO filters, and their gradients. */
export const CONVOLUTION: RecorderTable = {
  Conv2D,
  DepthwiseConv2dNative,
  FusedConv2D: fused(Conv2D),
  FusedDepthwiseConv2D: fused(DepthwiseConv2dNative),
  Conv2DBackpropInput: convolution(
    'Conv2DBackpropInput', false, ({ filter }, attrs) => [attrs.inputShape!, filter!.shape], 'inShape',
  ),
  Conv2DBackpropFilter: convolution(
    'Conv2DBackpropFilter', false, ({ x }, attrs) => [x!.shape, attrs.filterShape!], 'filterShape',
  ),
  DepthwiseConv2dNativeBackpropInput: convolution(
    'DepthwiseConv2dNativeBackpropInput', true, ({ filter }, attrs) => [attrs.inputShape!, filter!.shape], 'inShape',
  ),
  DepthwiseConv2dNativeBackpropFilter: convolution(
    'DepthwiseConv2dNativeBackpropFilter', true, ({ x }, attrs) => [x!.shape, attrs.filterShape!], 'filterShape',
  ),
}; // biome-ignore format: a table
