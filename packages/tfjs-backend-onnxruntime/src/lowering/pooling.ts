import { type Node, shares, sizeOf, type Window } from '@diptych/graph';
import type { Lowering, LoweringTable } from './emitter.js';
import { windowAttributes } from './window.js';

const attributesOf = (node: Node) => {
  const { dilations: _, ...attributes } = windowAttributes(node.attrs.window as Window);
  return attributes;
};

/** The gradient goes to the cell that was the maximum: MaxPool's indices say which, ScatterElements adds there. */
const MaxPoolGrad: Lowering = (e, [dy, input], node) => {
  const { shape } = node.outputs[0]!;
  const [, indices] = e.ops('MaxPool', [input!], 2, attributesOf(node));
  const zeros = e.expand(e.scalar(0), [sizeOf(shape)]);
  const updates = [e.reshape(indices!, [-1]), e.reshape(dy!, [-1])];
  return e.reshape(e.op('ScatterElements', [zeros, ...updates], { axis: 0, reduction: 'add' }), shape);
};

/** Each cell of a window gets an equal share: a depthwise transposed convolution with ones. */
const AvgPoolGrad: Lowering = (e, [dy], node) => {
  const window = node.attrs.window as Window;
  const { kernel, strides, pads, input, output } = window;
  const channels = node.outputs[0]!.shape[1]!;
  const shared = e.op('Mul', [dy!, e.constant(shares(window), [1, 1, ...output], 'float32')]);
  const ones = e.expand(e.scalar(1), [channels, 1, ...kernel]);
  const reached = [0, 1].map((i) => (output[i]! - 1) * strides[i]! + kernel[i]! - pads[i]! - pads[i + 2]!);
  return e.op('ConvTranspose', [shared, ones], {
    kernel_shape: kernel,
    strides,
    pads,
    group: channels,
    output_padding: [input[0] - reached[0]!, input[1] - reached[1]!],
  });
};

/** Pooling of channels-first images, and its gradients. */
export const POOLING: LoweringTable = {
  MaxPool: (e, [x], node) => e.op('MaxPool', [x!], attributesOf(node)),
  AvgPool: (e, [x], node) => e.op('AveragePool', [x!], attributesOf(node)),
  MaxPoolGrad,
  AvgPoolGrad,
};
