import type { Node } from '@diptych/graph';
import { type HloValue, reduce } from '../stablehlo/index.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { inFloat32, normalizing } from './precision.js';

/** The mean along axes, which keep one element. */
function mean(e: Emitter, x: HloValue, axes: readonly number[]): HloValue {
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  const total = reduce(e, 'add', x, axes, 0);
  return e.reshape(e.divide(total, e.like(total, count)), kept(x, axes));
}

const kept = (x: HloValue, axes: readonly number[]) =>
  x.shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension));

const leading = (x: HloValue) => [...x.shape.keys()].slice(0, -1);

/** (x - mean) / deviation * scale + shift, each repeated until it has x's shape. */
function affine(
  e: Emitter,
  centred: HloValue,
  inverse: HloValue,
  scale: HloValue | undefined,
  shift: HloValue | undefined,
) {
  const wide = (x: HloValue) => e.broadcastTo(x, centred.shape);
  const scaled = e.multiply(centred, wide(inverse));
  const stretched = scale ? e.multiply(scaled, wide(scale)) : scaled;
  return shift ? e.add(stretched, wide(shift)) : stretched;
}

/** Mean 0 and deviation 1 along axes, then scale and shift; with the mean and the biased variance. */
function normalize(e: Emitter, [x, scale, shift]: readonly HloValue[], axes: readonly number[], epsilon: number) {
  const centre = mean(e, x!, axes);
  const centred = e.subtract(x!, e.broadcastTo(centre, x!.shape));
  const variance = mean(e, e.multiply(centred, centred), axes);
  const inverse = e.unary('rsqrt', e.add(variance, e.like(variance, epsilon)));
  return { result: affine(e, centred, inverse, scale, shift), centre, variance, inverse };
}

const epsilonOf = ({ attrs }: Node) => attrs.epsilon as number;

const LayerNorm: Lowering = normalizing((e, inputs, node) => {
  const { result, centre, inverse } = normalize(e, inputs, [inputs[0]!.rank - 1], epsilonOf(node));
  return [result, e.reshape(centre, node.outputs[1]!.shape), e.reshape(inverse, node.outputs[2]!.shape)];
});

const BatchNormTrain: Lowering = normalizing((e, inputs, node) => {
  const { result, centre, variance } = normalize(e, inputs, leading(inputs[0]!), epsilonOf(node));
  return [result, e.reshape(centre, node.outputs[1]!.shape), e.reshape(variance, node.outputs[2]!.shape)];
});

/** Statistics of one number a channel, channels last. */
const FusedBatchNorm: Lowering = normalizing((e, inputs, { attrs, inputNames }) => {
  const named = Object.fromEntries(inputNames.map((name, i) => [name, inputs[i]!])) as Record<string, HloValue>;
  const { x, mean: centre, variance, scale, offset } = named;
  const inverse = e.unary('rsqrt', e.add(variance!, e.like(variance!, attrs.varianceEpsilon as number)));
  return affine(e, e.subtract(x!, e.broadcastTo(centre!, x!.shape)), inverse, scale, offset);
});

const ChannelAffine: Lowering = normalizing((e, [x, scale, shift]) => affine(e, x!, scale!, undefined, shift));

/** x minus its largest along the last axis, and the sum of its exponentials there. */
function exponentials(e: Emitter, x: HloValue) {
  const last = [x.rank - 1];
  const largest = e.reshape(reduce(e, 'maximum', x, last, Number.NEGATIVE_INFINITY), kept(x, last));
  const centred = e.subtract(x, e.broadcastTo(largest, x.shape));
  const powers = e.unary('exponential', centred);
  const total = e.reshape(reduce(e, 'add', powers, last, 0), kept(x, last));
  return { centred, powers, total };
}

const Softmax: Lowering = normalizing((e, [x]) => {
  const { powers, total } = exponentials(e, x!);
  return e.divide(powers, e.broadcastTo(total, x!.shape));
});

/** Float32 always: it is what losses are made of. */
const LogSoftmax: Lowering = inFloat32((e, [x]) => {
  const { centred, total } = exponentials(e, x!);
  return e.subtract(centred, e.broadcastTo(e.unary('log', total), x!.shape));
});

/** Normalisations: statistics and sums in float32. */
export const NORMALIZATION: LoweringTable = {
  LayerNorm,
  BatchNormTrain,
  FusedBatchNorm,
  ChannelAffine,
  Softmax,
  LogSoftmax,
};
