// Convolutions channels last, as tfjs has them: XLA chooses the order of memory by itself. Gradients are convolutions again, in the
// forms that XLA's passes know as cuDNN's backward convolutions.
import type { Node, Window } from '@diptych/graph';
import { type ConvolutionOptions, convolve, type HloValue } from '../stablehlo/index.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { narrowed } from './precision.js';

/** The window of a convolution or pooling. */
export const windowOf = (node: Node) => node.attrs.window as Window;

/** Padding before and after each side. */
export const sidesOf = ({ pads: [top, left, bottom, right] }: Window): [number, number][] => [
  [top, bottom],
  [left, right],
];

/** How far a filter of `kernel` cells reaches. */
const reach = (kernel: number, dilation: number) => (kernel - 1) * dilation + 1;

/** A product of images and filters in the program's precision; its sums are float32 inside the device. */
const product =
  (compute: (e: Emitter, a: HloValue, b: HloValue, node: Node) => HloValue): Lowering =>
  (e, inputs, node) => {
    const [a, b] = inputs.map((x) => narrowed(e, x)) as [HloValue, HloValue];
    const result = compute(e, a, b, node);
    return e.isExact(node.outputs[0]!) ? e.convert(result, 'f32') : result;
  };

const run = (e: Emitter, image: HloValue, filter: HloValue, options: Omit<ConvolutionOptions, 'precision'>) =>
  convolve(e, image, filter, { ...options, precision: e.productPrecision });

const forward = (window: Window): Omit<ConvolutionOptions, 'precision'> => ({
  axes: ['b01f', '01io', 'b01f'],
  strides: window.strides,
  padding: sidesOf(window),
  filterDilations: window.dilations,
});

/** dX: dY with zeros between its cells, under the filter turned round. */
function backwardInput(window: Window): Omit<ConvolutionOptions, 'precision'> {
  const { kernel, strides, dilations, input, output } = window;
  const padding = sidesOf(window).map(([before], i): [number, number] => {
    const filter = reach(kernel[i]!, dilations[i]!);
    const spread = reach(output[i]!, strides[i]!);
    const low = filter - 1 - before;
    return [low, input[i]! + filter - 1 - spread - low];
  });
  return {
    axes: ['b01f', '01oi', 'b01f'],
    strides: [1, 1],
    padding,
    imageDilations: strides,
    filterDilations: dilations,
  };
}

/** dW: channels take the place of images, images that of channels, and dY is the filter; strides and dilations change places. */
function backwardFilter(window: Window): Omit<ConvolutionOptions, 'precision'> {
  const { kernel, strides, dilations, input, output } = window;
  const padding = sidesOf(window).map(([before], i): [number, number] => {
    const reached = reach(output[i]!, strides[i]!) + (kernel[i]! - 1) * dilations[i]!;
    return [before, reached - input[i]! - before];
  });
  return { axes: ['f01b', 'i01o', '01bf'], strides: dilations, padding, filterDilations: strides };
}

/** tfjs's [height, width, channel, multiplier] as a filter of groups: one channel in, `multiplier` channels out of each. */
const groupedFilter = (e: Emitter, filter: HloValue) => {
  const [height, width, channels, multiplier] = filter.shape as [number, number, number, number];
  return e.reshape(filter, [height, width, 1, channels * multiplier]);
};

/** Convolutions and their gradients. */
export const CONVOLUTION: LoweringTable = {
  Conv2D: product((e, x, filter, node) => run(e, x, filter, forward(windowOf(node)))),
  Conv2DBackpropInput: product((e, dy, filter, node) =>
    run(e, dy, e.reverse(filter, [0, 1]), backwardInput(windowOf(node))),
  ),
  Conv2DBackpropFilter: product((e, x, dy, node) => run(e, x, dy, backwardFilter(windowOf(node)))),
  DepthwiseConv2dNative: product((e, x, filter, node) =>
    run(e, x, groupedFilter(e, filter), { ...forward(windowOf(node)), featureGroups: filter.shape[2]! }),
  ),
  DepthwiseConv2dNativeBackpropInput: product((e, dy, filter, node) => {
    // [height, width, multiplier, channel]: each group takes `multiplier` channels in and gives one
    const turned = e.reverse(e.transpose(filter, [0, 1, 3, 2]), [0, 1]);
    const options = { ...backwardInput(windowOf(node)), axes: ['b01f', '01io', 'b01f'] as const };
    return run(e, dy, turned, { ...options, featureGroups: filter.shape[2]! });
  }),
  DepthwiseConv2dNativeBackpropFilter: product((e, x, dy, node) => {
    const options = { ...backwardFilter(windowOf(node)), batchGroups: x.shape[3]! };
    return e.reshape(run(e, x, dy, options), node.outputs[0]!.shape);
  }),
};
