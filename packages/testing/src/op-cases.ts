import * as tf from '@tensorflow/tfjs-core';

/** How an input of an {@link OpCase} is filled. */
export interface OpInput {
  readonly shape: readonly number[];
  /** Default float32. */
  readonly dtype?: 'float32' | 'int32' | 'bool';
  /** `normal` (default), `positive` (0.2 to 2.2), `unit` (-0.9 to 0.9), `distinct` (no two alike), or an upper bound of integers. */
  readonly fill?: 'normal' | 'positive' | 'unit' | 'distinct' | number;
}

/** One computation that a backend must do as the reference does. */
export interface OpCase {
  readonly name: string;
  readonly inputs: readonly OpInput[];
  readonly run: (...inputs: never[]) => tf.Tensor;
  /** False where the result has no gradient. Default true: every float32 input has one. */
  readonly gradients?: boolean;
}

type T = tf.Tensor;
type T1 = tf.Tensor1D;
type T2 = tf.Tensor2D;
type T3 = tf.Tensor3D;
type T4 = tf.Tensor4D;

const f = (shape: readonly number[], fill?: OpInput['fill']): OpInput => ({ shape, fill });
const ints = (shape: readonly number[], below: number): OpInput => ({ shape, dtype: 'int32', fill: below });
const bools = (shape: readonly number[]): OpInput => ({ shape, dtype: 'bool', fill: 2 });
const unary = (name: string, run: (x: T) => T, fill?: OpInput['fill'], gradients = true): OpCase => ({
  name,
  inputs: [f([3, 5], fill)],
  run,
  gradients,
});
/** @param broadcast whether tfjs-core's gradient can be had where the shapes differ */
const binary = (
  name: string,
  run: (a: T, b: T) => T,
  fill?: OpInput['fill'],
  gradients = true,
  broadcast = gradients,
): OpCase[] => [
  { name, inputs: [f([3, 5], fill), f([3, 5], fill)], run, gradients },
  { name: `${name}, broadcast`, inputs: [f([2, 1, 5], fill), f([3, 1], fill)], run, gradients: broadcast },
  { name: `${name}, scalar`, inputs: [f([4], fill), f([], fill)], run, gradients: broadcast },
];
const reduction = (
  name: string,
  run: (x: T, axis?: number | number[], keep?: boolean) => T,
  gradients = true,
): OpCase[] => [
  { name: `${name}, all`, inputs: [f([2, 3, 4], 'distinct')], run: (x: T) => run(x), gradients },
  { name: `${name}, last axis`, inputs: [f([2, 3, 4], 'distinct')], run: (x: T) => run(x, -1, true), gradients },
  { name: `${name}, first axes`, inputs: [f([2, 3, 4], 'distinct')], run: (x: T) => run(x, [0, 1]), gradients },
];

/** Elementwise operations. */
const ELEMENTWISE: readonly OpCase[] = [
  ...binary('add', tf.add),
  ...binary('sub', tf.sub),
  ...binary('mul', tf.mul),
  ...binary('div', tf.div, 'positive'),
  ...binary('maximum', tf.maximum, undefined, true, false),
  ...binary('minimum', tf.minimum, undefined, true, false),
  ...binary('squaredDifference', tf.squaredDifference, undefined, true, false),
  ...binary('pow', tf.pow, 'positive'),
  ...binary('greater', tf.greater, undefined, false),
  ...binary('greaterEqual', tf.greaterEqual, undefined, false),
  ...binary('less', tf.less, undefined, false),
  ...binary('lessEqual', tf.lessEqual, undefined, false),
  unary('neg', tf.neg),
  unary('abs', tf.abs),
  unary('exp', tf.exp),
  unary('expm1', tf.expm1),
  unary('log', tf.log, 'positive'),
  unary('log1p', tf.log1p, 'positive'),
  unary('sqrt', tf.sqrt, 'positive'),
  unary('rsqrt', tf.rsqrt, 'positive'),
  unary('square', tf.square),
  unary('reciprocal', tf.reciprocal, 'positive'),
  unary('sin', tf.sin),
  unary('cos', tf.cos),
  unary('tanh', tf.tanh),
  unary('sigmoid', tf.sigmoid),
  unary('logSigmoid', tf.logSigmoid),
  unary('softplus', tf.softplus),
  unary('relu', tf.relu),
  unary('relu6', tf.relu6),
  unary('leakyRelu', (x) => tf.leakyRelu(x, 0.1)),
  unary('elu', tf.elu),
  unary('erf', tf.erf),
  unary('clipByValue', (x) => tf.clipByValue(x, -0.5, 0.5)),
  unary('step', (x) => tf.step(x), undefined, false),
  unary('sign', tf.sign, undefined, false),
  unary('floor', tf.floor, undefined, false),
  unary('ceil', tf.ceil, undefined, false),
  unary('round', tf.round, undefined, false),
  unary('isNaN', (x) => tf.cast(tf.isNaN(tf.log(x)), 'int32'), undefined, false),
  {
    name: 'where',
    inputs: [bools([3, 4]), f([3, 4]), f([3, 4])],
    run: (condition: T, a: T, b: T) => tf.where(condition, a, b),
  },
  {
    name: 'equal of int32',
    inputs: [ints([20], 3), ints([20], 3)],
    run: (a: T, b: T) => tf.equal(a, b),
    gradients: false,
  },
  {
    name: 'notEqual of int32',
    inputs: [ints([20], 3), ints([20], 3)],
    run: (a: T, b: T) => tf.notEqual(a, b),
    gradients: false,
  },
  { name: 'add of int32', inputs: [ints([7], 9), ints([7], 9)], run: (a: T, b: T) => tf.add(a, b), gradients: false },
  {
    name: 'floorDiv of int32',
    inputs: [ints([7], 50), ints([], 6)],
    run: (a: T, b: T) => tf.floorDiv(a, tf.add(b, tf.scalar(1, 'int32'))),
    gradients: false,
  },
  {
    name: 'mod of int32',
    inputs: [ints([7], 50), ints([], 6)],
    run: (a: T, b: T) => tf.mod(a, tf.add(b, tf.scalar(1, 'int32'))),
    gradients: false,
  },
  {
    name: 'logicalAnd',
    inputs: [bools([20]), bools([20])],
    run: (a: T, b: T) => tf.logicalAnd(a, b),
    gradients: false,
  },
  { name: 'logicalOr', inputs: [bools([20]), bools([20])], run: (a: T, b: T) => tf.logicalOr(a, b), gradients: false },
  { name: 'logicalNot', inputs: [bools([20])], run: (a: T) => tf.logicalNot(a), gradients: false },
  {
    name: 'cast float32 to int32',
    inputs: [f([20])],
    run: (x: T) => tf.cast(tf.mul(x, 10), 'int32'),
    gradients: false,
  },
  { name: 'cast int32 to float32', inputs: [ints([20], 5)], run: (x: T) => tf.cast(x, 'float32'), gradients: false },
  { name: 'cast bool to float32', inputs: [bools([20])], run: (x: T) => tf.cast(x, 'float32'), gradients: false },
];

/** Sums, extrema, softmax. */
const REDUCTIONS: readonly OpCase[] = [
  ...reduction('sum', tf.sum),
  ...reduction('mean', tf.mean),
  ...reduction('max', tf.max),
  ...reduction('min', tf.min),
  ...reduction('prod', tf.prod, false),
  ...reduction('logSumExp', tf.logSumExp),
  unary('argMax', (x) => tf.argMax(x, 1), 'distinct', false),
  unary('argMin', (x) => tf.argMin(x, 0), 'distinct', false),
  { name: 'any', inputs: [bools([4, 5])], run: (x: T) => tf.any(x, 1), gradients: false },
  { name: 'all', inputs: [bools([4, 5])], run: (x: T) => tf.all(x, 0), gradients: false },
  { name: 'softmax', inputs: [f([2, 3, 4])], run: (x: T) => tf.softmax(x) },
  { name: 'logSoftmax', inputs: [f([2, 3, 4])], run: (x: T) => tf.logSoftmax(x) },
  { name: 'cumsum', inputs: [f([3, 4])], run: (x: T) => tf.cumsum(x, 1) },
  { name: 'norm', inputs: [f([3, 4])], run: (x: T) => tf.norm(x, 2, 1) },
  { name: 'moments', inputs: [f([3, 4])], run: (x: T) => tf.moments(x, 0).variance },
  { name: 'topk values', inputs: [f([3, 8], 'distinct')], run: (x: T) => tf.topk(x, 3).values, gradients: false },
  { name: 'topk indices', inputs: [f([3, 8], 'distinct')], run: (x: T) => tf.topk(x, 3).indices, gradients: false },
];

const matMul = (name: string, a: readonly number[], b: readonly number[], ta = false, tb = false): OpCase => ({
  name: `matMul, ${name}`,
  inputs: [f(a), f(b)],
  run: (x: T2, y: T2) => tf.matMul(x, y, ta, tb),
});

/** Products. */
const PRODUCTS: readonly OpCase[] = [
  matMul('plain', [5, 7], [7, 3]),
  matMul('second transposed', [5, 7], [3, 7], false, true),
  matMul('first transposed', [7, 5], [7, 3], true),
  matMul('both transposed', [7, 5], [3, 7], true, true),
  matMul('batched', [2, 3, 5, 7], [2, 3, 7, 4]),
  matMul('batched, second transposed', [2, 3, 5, 7], [2, 3, 4, 7], false, true),
  matMul('one row', [1, 7], [7, 3]),
  { name: 'outer product', inputs: [f([4]), f([5])], run: (a: T1, b: T1) => tf.outerProduct(a, b) },
  { name: 'dot', inputs: [f([6]), f([6])], run: (a: T, b: T) => tf.dot(a, b) },
];

const conv = (
  name: string,
  filter: [number, number, number, number],
  stride: number,
  pad: 'same' | 'valid',
  size = 8,
): OpCase => ({
  name: `conv2d, ${name}`,
  inputs: [f([2, size, size, filter[2]]), f(filter)],
  run: (x: T4, w: T4) => tf.conv2d(x, w, stride, pad),
});

/** Convolutions and pooling. */
const SPATIAL: readonly OpCase[] = [
  conv('1x1', [1, 1, 3, 5], 1, 'valid'),
  conv('1x1, stride 2', [1, 1, 3, 5], 2, 'valid'),
  conv('3x3', [3, 3, 3, 4], 1, 'valid'),
  conv('3x3, same', [3, 3, 3, 4], 1, 'same'),
  conv('3x3, stride 2', [3, 3, 3, 4], 2, 'valid', 9),
  conv('7x7, stride 2', [7, 7, 3, 4], 2, 'valid', 15),
  conv('patches', [4, 4, 3, 5], 4, 'valid'),
  {
    name: 'conv2d after padding, OIHW weight',
    inputs: [f([2, 6, 6, 3]), f([4, 3, 3, 3])],
    run: (x: T4, w: T4) =>
      tf.conv2d(
        tf.pad(x, [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ]) as T4,
        tf.transpose(w, [2, 3, 1, 0]) as T4,
        1,
        'valid',
      ), // prettier-ignore
  },
  {
    name: 'depthwiseConv2d',
    inputs: [f([2, 6, 6, 3]), f([3, 3, 3, 1])],
    run: (x: T4, w: T4) => tf.depthwiseConv2d(x, w, 1, 'valid'),
  },
  {
    name: 'conv2dTranspose',
    inputs: [f([2, 4, 4, 3]), f([2, 2, 5, 3])],
    run: (x: T4, w: T4) => tf.conv2dTranspose(x, w, [2, 8, 8, 5], 2, 'valid'),
  },
  { name: 'maxPool', inputs: [f([2, 6, 6, 3], 'distinct')], run: (x: T4) => tf.maxPool(x, 2, 2, 'valid') },
  {
    name: 'maxPool 3x3, stride 2',
    inputs: [f([2, 7, 7, 3], 'distinct')],
    run: (x: T4) => tf.maxPool(x, 3, 2, 'valid'),
  },
  // With padding, tfjs-backend-cpu's own gradient of avgPool is wrong at the border.
  { name: 'avgPool', inputs: [f([2, 6, 6, 3])], run: (x: T4) => tf.avgPool(x, 2, 2, 'valid') },
  { name: 'resizeBilinear', inputs: [f([1, 4, 4, 2])], run: (x: T4) => tf.image.resizeBilinear(x, [7, 6]) },
  {
    name: 'batchNorm',
    inputs: [f([2, 3, 3, 4]), f([4]), f([4], 'positive'), f([4]), f([4], 'positive')],
    run: (x: T4, mean: T1, variance: T1, offset: T1, scale: T1) => tf.batchNorm(x, mean, variance, offset, scale, 1e-5),
  },
];

/** Moving numbers about. */
const LAYOUT: readonly OpCase[] = [
  { name: 'reshape', inputs: [f([2, 6])], run: (x: T) => tf.reshape(x, [3, 4]) },
  { name: 'expandDims and squeeze', inputs: [f([2, 3])], run: (x: T) => tf.squeeze(tf.expandDims(x, 1), [1]) },
  { name: 'transpose 2D', inputs: [f([3, 5])], run: (x: T) => tf.transpose(x) },
  { name: 'transpose 4D', inputs: [f([2, 3, 4, 5])], run: (x: T) => tf.transpose(x, [0, 2, 1, 3]) },
  { name: 'NHWC to NCHW', inputs: [f([2, 3, 4, 5])], run: (x: T) => tf.transpose(x, [0, 3, 1, 2]) },
  { name: 'slice', inputs: [f([4, 5])], run: (x: T) => tf.slice(x, [1, 2], [2, 3]) },
  {
    name: 'stridedSlice',
    inputs: [f([6, 5])],
    run: (x: T) => tf.stridedSlice(x, [0, 4], [6, 0], [2, -2]),
    gradients: false,
  },
  { name: 'concat', inputs: [f([2, 3]), f([2, 4])], run: (a: T2, b: T2) => tf.concat([a, b], 1) },
  { name: 'stack', inputs: [f([2, 3]), f([2, 3])], run: (a: T, b: T) => tf.stack([a, b], 1) },
  { name: 'unstack', inputs: [f([3, 4])], run: (x: T) => tf.unstack(x, 0)[1]! },
  { name: 'split', inputs: [f([2, 6])], run: (x: T) => tf.split(x, 3, 1)[2]! },
  { name: 'split unevenly', inputs: [f([2, 6])], run: (x: T) => tf.split(x, [1, 5], 1)[1]! },
  {
    name: 'pad',
    inputs: [f([2, 3])],
    run: (x: T2) =>
      tf.pad(
        x,
        [
          [1, 0],
          [2, 1],
        ],
        0.5,
      ),
  }, // prettier-ignore
  { name: 'tile', inputs: [f([2, 3])], run: (x: T) => tf.tile(x, [2, 3]) },
  { name: 'broadcastTo', inputs: [f([2, 1, 3])], run: (x: T) => tf.broadcastTo(x, [2, 4, 3]) },
  { name: 'reverse', inputs: [f([2, 3])], run: (x: T) => tf.reverse(x, 1) },
  { name: 'gather rows', inputs: [f([5, 3]), ints([7], 5)], run: (x: T, i: T1) => tf.gather(x, i) },
  { name: 'gather columns', inputs: [f([3, 5]), ints([4], 5)], run: (x: T, i: T1) => tf.gather(x, i, 1) },
  { name: 'gather by a matrix', inputs: [f([5, 3]), ints([2, 4], 5)], run: (x: T, i: T2) => tf.gather(x, i) },
  { name: 'gatherND', inputs: [f([5, 3]), ints([4, 1], 5)], run: (x: T, i: T) => tf.gatherND(x, i), gradients: false },
  { name: 'oneHot', inputs: [ints([6], 4)], run: (i: T1) => tf.oneHot(i, 4), gradients: false },
  {
    name: 'unsortedSegmentSum',
    inputs: [f([6, 3]), ints([6], 4)],
    run: (x: T, i: T1) => tf.unsortedSegmentSum(x, i, 4),
  },
  { name: 'range', inputs: [], run: () => tf.range(0, 10, 2), gradients: false },
  { name: 'fill', inputs: [], run: () => tf.fill([2, 3], 7), gradients: false },
  { name: 'eye', inputs: [], run: () => tf.eye(4), gradients: false },
  { name: 'linspace', inputs: [], run: () => tf.linspace(0, 1, 5), gradients: false },
];

/** Small pieces of networks, whose kernels an engine may fuse. */
const COMPOSED: readonly OpCase[] = [
  {
    name: 'layer norm',
    inputs: [f([2, 3, 8]), f([8], 'positive'), f([8])],
    run: (x: T, gamma: T, beta: T) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const variance = tf.mean(tf.square(centred), -1, true);
      return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gamma), beta);
    },
  },
  {
    name: 'GELU by erf',
    inputs: [f([4, 6])],
    run: (x: T) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
  },
  {
    name: 'attention',
    inputs: [f([2, 2, 4, 8]), f([2, 2, 5, 8]), f([2, 2, 5, 8]), f([2, 1, 1, 5])],
    run: (q: T4, k: T4, v: T4, bias: T4) =>
      tf.matMul(tf.softmax(tf.add(tf.mul(tf.matMul(q, k, false, true), 8 ** -0.5), bias)), v),
  },
  {
    name: 'symmetric InfoNCE',
    inputs: [f([5, 8]), f([5, 8]), f([])],
    run: (image: T2, text: T2, scale: T) => {
      const unit = (x: T2) => tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12))) as T2;
      const logits = tf.mul(tf.matMul(unit(image), unit(text), false, true), tf.exp(scale)) as T2;
      const own = tf.eye(5);
      const rows = tf.sum(tf.mul(tf.logSoftmax(logits), own));
      const columns = tf.sum(tf.mul(tf.logSoftmax(tf.transpose(logits)), own));
      return tf.div(tf.add(rows, columns), -10);
    },
  },
  {
    name: 'embedding, mean over a mask, linear layer',
    inputs: [f([9, 4]), ints([3, 5], 9), f([6, 4])],
    run: (table: T2, ids: T2, weight: T2) => {
      const rows = tf.reshape(tf.gather(table, tf.reshape(ids, [-1])), [3, 5, 4]) as T3;
      const mask = tf.cast(tf.greater(ids, 2), 'float32');
      const total = tf.sum(tf.mul(rows, tf.expandDims(mask, 2)), 1);
      const mean = tf.div(total, tf.add(tf.sum(mask, 1, true), 1)) as T2;
      return tf.matMul(mean, weight, false, true);
    },
  },
  {
    name: 'convolution, batch statistics, ReLU, pooling',
    inputs: [f([3, 6, 6, 2]), f([3, 3, 2, 4]), f([4], 'positive'), f([4])],
    run: (x: T4, w: T4, gamma: T1, beta: T1) => {
      const y = tf.conv2d(x, w, 1, 'valid');
      const mean = tf.mean(y, [0, 1, 2]);
      const variance = tf.mean(tf.square(tf.sub(y, mean)), [0, 1, 2]);
      const normal = tf.mul(tf.sub(y, mean), tf.rsqrt(tf.add(variance, 1e-5)));
      return tf.mean(tf.relu(tf.add(tf.mul(normal, gamma), beta)), [1, 2]);
    },
  },
];

/** Every case, by the kind of operation. */
export const OP_CASES: Readonly<Record<string, readonly OpCase[]>> = {
  elementwise: ELEMENTWISE,
  reductions: REDUCTIONS,
  products: PRODUCTS,
  spatial: SPATIAL,
  layout: LAYOUT,
  composed: COMPOSED,
};
