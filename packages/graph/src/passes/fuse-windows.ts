import { Builder, copyNode, type Rule, type RuleTable, rebuild } from '../builder.js';
import type { Program } from '../program.js';
import type { Window } from '../recorders/convolution.js';
import type { Node, Value } from '../value.js';

/** Cells added to or cut from an image: top, left, bottom, right. */
type Margins = Window['pads'];

/** What a PadV2 adds around channels-first images, if that is all it does, and it pads with `fill`. */
function paddingOf({ node }: Value, fill: number): Margins | undefined {
  if (node?.op !== 'PadV2' || node.attrs.constantValue !== fill || node.outputs[0]!.shape.length !== 4)
    return undefined;
  const [batch, channels, rows, columns] = node.attrs.paddings as [number, number][];
  if ([...batch!, ...channels!].some((cells) => cells !== 0)) return undefined;
  return [rows![0], columns![0], rows![1], columns![1]];
}

/** What a slice cuts off around channels-first images, if that is all it does. */
function cropOf(x: Value, begin: readonly number[], size: readonly number[]): Margins | undefined {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  if (size[0] !== batch || size[1] !== channels) return undefined;
  return [begin[2]!, begin[3]!, height - begin[2]! - size[2]!, width - begin[3]! - size[3]!];
}

const windowOf = (node: { attrs: Node['attrs'] }) => node.attrs.window as Window;

/** The window over the image without margins, which become padding. */
function withMargins(window: Window, margins: Margins): Window {
  const [top, left, bottom, right] = margins;
  const pads = window.pads.map((pad, i) => pad + margins[i]!) as Margins;
  return { ...window, pads, input: [window.input[0] - top - bottom, window.input[1] - left - right] };
}

/** Windows that would lie in the padding alone are not defined everywhere. */
const isUsual = ({ pads, kernel }: Window) => pads.every((pad, i) => pad < kernel[i % 2]!);

/** `op(pad(x), …)`: the operation pads by itself. */
const padInside =
  (fill: number): Rule =>
  ({ op, inputs: [x, ...others], attrs, shape, dtype }, b) => {
    const margins = paddingOf(x!, fill);
    if (!margins) return undefined;
    const window = withMargins(windowOf({ attrs }), margins);
    if (!isUsual(window)) return undefined;
    return b.emit(op, [x!.node!.inputs[0]!, ...others], { ...attrs, window }, shape, dtype);
  };

/** Gradients of images that were padded: computed for the image alone, not for its margins, which a slice would cut. */
const cropInside: Rule = ({ inputs: [x], attrs, shape, dtype }, b) => {
  const node = x!.node;
  const crop = shape.length === 4 && cropOf(x!, attrs.begin as number[], attrs.size as number[]);
  if (!crop || !node) return undefined;
  const emit = (inputs: readonly Value[]) => {
    const window = withMargins(windowOf(node), crop);
    if (!isUsual(window)) return undefined;
    return b.emit(node.op, inputs, { ...node.attrs, window }, shape, dtype, node.inputNames);
  };
  if (node.op === 'Conv2DBackpropInput' || node.op === 'DepthwiseConv2dNativeBackpropInput') return emit(node.inputs);
  if (node.op !== 'MaxPoolGrad') return undefined;
  const [dy, padded, ...others] = node.inputs as [Value, Value, ...Value[]];
  const margins = paddingOf(padded, Number.NEGATIVE_INFINITY);
  return margins?.every((cells, i) => cells === crop[i]) ? emit([dy, padded.node!.inputs[0]!, ...others]) : undefined;
};

/** `transpose(pad(x))`: padded after the transpose, where a convolution can take it in. */
const padLast: Rule = ({ inputs: [x], attrs, shape, dtype }, b) => {
  if (x!.node?.op !== 'PadV2') return undefined;
  const perm = attrs.perm as number[];
  const paddings = x!.node.attrs.paddings as [number, number][];
  const moved = { ...x!.node.attrs, paddings: perm.map((axis) => paddings[axis]!) };
  return b.emit('PadV2', [b.transpose(x!.node.inputs[0]!, perm)], moved, shape, dtype);
};

const RULES: RuleTable = {
  Transpose: [padLast],
  Conv2D: [padInside(0)],
  Conv2DBackpropFilter: [padInside(0)],
  DepthwiseConv2dNative: [padInside(0)],
  DepthwiseConv2dNativeBackpropFilter: [padInside(0)],
  MaxPool: [padInside(Number.NEGATIVE_INFINITY)],
  Slice: [cropInside],
};

/**
 * Moves explicit padding into convolutions and poolings, and its gradient's slice into theirs. PyTorch's layers pad on
 * all sides where tfjs has no such option, so models pad first; a gradient for the margins would cost up to 1.7 times
 * the sum itself (9x9 instead of 7x7). Takes programs in memory order, after `assignLayouts`.
 */
export function fuseWindows(program: Program): Program {
  return rebuild(program, new Builder(RULES), copyNode);
}
