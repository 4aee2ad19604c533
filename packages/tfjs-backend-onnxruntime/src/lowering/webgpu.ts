import type { Window } from '@diptych/graph';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { SHAPE } from './shape.js';
import { windowAttributes } from './window.js';

/** Largest finite float32. */
const LARGEST = 3.4028234663852886e38;

/** False for infinities and NaN: the provider has neither IsInf nor IsNaN. */
const IsFinite: Lowering = (e, [x]) => e.op('LessOrEqual', [e.op('Abs', [x!]), e.scalar(LARGEST)]);

/** The provider's BatchNormalization only infers. Mean and biased variance over images and cells, as the operator gives them. */
const BatchNormTrain: Lowering = (e, [x, scale, shift], node) => {
  const { shape } = node.outputs[0]!;
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const channels = [shape[1]!, ...axes.slice(1).map(() => 1)];
  const mean = e.reduce('ReduceMean', x!, axes, true);
  const centred = e.op('Sub', [x!, mean]);
  const variance = e.reduce('ReduceMean', e.op('Mul', [centred, centred]), axes, true);
  const deviation = e.op('Sqrt', [e.op('Add', [variance, e.scalar(node.attrs.epsilon as number)])]);
  const factor = e.op('Div', [e.reshape(scale!, channels), deviation]);
  const y = e.op('Add', [e.op('Mul', [centred, factor]), e.reshape(shift!, channels)]);
  return [y, e.reshape(mean, [shape[1]!]), e.reshape(variance, [shape[1]!])];
};

/**
 * The provider's MaxPool has no indices. Each cell of a window is compared with the maximum; the first that equals it takes
 * the window's gradient. A transposed convolution of single ones puts what the cells took where they lie.
 */
const MaxPoolGrad: Lowering = (e, [dy, input], node) => {
  const window = node.attrs.window as Window;
  const { kernel, strides, pads, output } = window;
  const [images, channels] = node.outputs[0]!.shape as [number, number];
  const { dilations: _, ...attributes } = windowAttributes(window);
  const largest = e.op('MaxPool', [input!], attributes);
  const [top, left, bottom, right] = pads;
  const image = pads.some((pad) => pad !== 0)
    ? e.pad(input!, [0, 0, top, left], [0, 0, bottom, right], e.scalar(-LARGEST))
    : input!;
  const count = kernel[0] * kernel[1];
  let rest = dy!;
  const taken = Array.from({ length: count }, (_, cell) => {
    const begin = [Math.floor(cell / kernel[1]), cell % kernel[1]];
    const end = begin.map((at, axis) => at + (output[axis]! - 1) * strides[axis]! + 1);
    const isLargest = e.op('Equal', [e.slice(image, begin, end, [2, 3], strides), largest]);
    const share = e.op('Mul', [rest, e.cast(isLargest, 'float32')]);
    rest = e.op('Sub', [rest, share]);
    return e.reshape(share, [images, channels, 1, ...output]);
  });
  // Every channel is an image of its own: with groups of several channels the provider's ConvTranspose is wrong.
  const shares = e.reshape(e.op('Concat', taken, { axis: 2 }), [images * channels, count, ...output]);
  const placed = e.op('ConvTranspose', [shares, singleOnes(e, kernel)], {
    ...attributes,
    output_padding: beyondLastWindow(window),
  });
  return e.reshape(placed, node.outputs[0]!.shape);
};

/** [cells, 1, height, width]: the filter of cell i is 1 at i. */
function singleOnes(e: Emitter, [height, width]: readonly [number, number]): string {
  const count = height * width;
  const identity = new Float32Array(count * count);
  for (let cell = 0; cell < count; cell++) identity[cell * count + cell] = 1;
  return e.constant(identity, [count, 1, height, width], 'float32');
}

/** Cells at the end of each axis that no window meets. */
function beyondLastWindow({ kernel, strides, pads, input, output }: Window): number[] {
  return [0, 1].map((i) => input[i]! - ((output[i]! - 1) * strides[i]! + kernel[i]! - pads[i]! - pads[i + 2]!));
}

/** Shaders need not know NaN, so that extremes do not look for it as they do on the CPU. */
const extreme =
  (opType: string): Lowering =>
  (e, [x], { attrs }) => {
    const axes = attrs.axes as number[];
    return axes.length === 0 ? e.op('Identity', [x!]) : e.reduce(opType, x!, axes, attrs.keepDims as boolean);
  };

/** The first place of the extreme, in int32: ONNX's ArgMax gives int64, which the provider cannot cast. */
const arg =
  (opType: string): Lowering =>
  (e, [x], { attrs, inputs }) => {
    const { shape } = inputs[0]!;
    const axis = attrs.axis as number;
    const length = shape[axis]!;
    const along = shape.map((_, i) => (i === axis ? length : 1));
    const places = e.constant(
      Int32Array.from({ length }, (_, i) => i),
      along,
      'int32',
    );
    const found = e.op('Equal', [x!, e.reduce(opType, x!, [axis], true)]);
    return e.reduce('ReduceMin', e.op('Where', [found, places, e.scalar(length - 1, 'int32')]), [axis], false);
  };

const Step: Lowering = (e, [x], { attrs }) =>
  e.op('Where', [e.op('Greater', [x!, e.scalar(0)]), e.scalar(1), e.scalar((attrs.alpha as number | undefined) ?? 0)]);

const Cast: Lowering = (e, [x], node) => e.cast(x!, node.outputs[0]!.dtype as 'float32');

/** The provider leaves a `Slice` of whole numbers to the CPU: they are gathered by their places. */
const Slice: Lowering = (e, [x], node) => {
  const { dtype, shape } = node.inputs[0]!;
  if (dtype !== 'int32') return SHAPE.Slice!(e, [x!], node);
  const [begin, size] = [node.attrs.begin as number[], node.attrs.size as number[]];
  return begin.reduce((cut, start, axis) => {
    if (size[axis] === shape[axis]) return cut;
    const places = Int32Array.from({ length: size[axis]! }, (_, i) => start + i);
    return e.op('Gather', [cut, e.constant(places, [places.length], 'int32')], { axis });
  }, x!);
};

/** Operations whose usual form has operators that ONNX Runtime's WebGPU provider lacks or only partly has. */
export const WEBGPU_FORMS: LoweringTable = {
  BatchNormTrain,
  MaxPoolGrad,
  Max: extreme('ReduceMax'),
  Min: extreme('ReduceMin'),
  ArgMax: arg('ReduceMax'),
  ArgMin: arg('ReduceMin'),
  IsFinite,
  Cast,
  Slice,
  Step,
};
