import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { bools, expectParity, floats, integers, normal } from '../../test/run';

const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -3.7, 1e-8, -1e-8, 1e8, -1e8, 88, -88, 1e30, Number.NaN,
  Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]; // biome-ignore format: a table
const EMPTY = floats([], [0, 3]);

const unary: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  abs: tf.abs, ceil: tf.ceil, elu: tf.elu, exp: tf.exp, floor: tf.floor, isFinite: tf.isFinite, isInf: tf.isInf, isNaN: tf.isNaN,
  log: tf.log, neg: tf.neg, reciprocal: tf.reciprocal, relu: tf.relu, relu6: tf.relu6, round: tf.round, rsqrt: tf.rsqrt,
  selu: tf.selu, sigmoid: tf.sigmoid, sign: tf.sign, softplus: tf.softplus, sqrt: tf.sqrt, square: tf.square, tanh: tf.tanh,
  atan: tf.atan, asinh: tf.asinh, erf: tf.erf,
  step: (x) => tf.step(x, 0.25), leakyRelu: (x) => tf.leakyRelu(x, 0.1), clip: (x) => tf.clipByValue(x, -1, 2),
  toInt: (x) => tf.cast(x, 'int32'), toBool: (x) => tf.cast(x, 'bool'), addN: (x) => tf.addN([x, x, x]),
  where: (x) => tf.where(tf.greater(x, 0), x, tf.zerosLike(x)),
}; // biome-ignore format: a table

/** Functions on part of the line, or too steep for large arguments: small numbers only. */
const small: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  acos: tf.acos, asin: tf.asin, atanh: tf.atanh, cos: tf.cos, cosh: tf.cosh, expm1: tf.expm1, log1p: tf.log1p, sin: tf.sin,
  sinh: tf.sinh, tan: tf.tan, acosh: (x) => tf.acosh(tf.add(x, 2)),
}; // biome-ignore format: a table

const binary: Readonly<Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>> = {
  add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, maximum: tf.maximum, minimum: tf.minimum, mod: tf.mod, pow: tf.pow,
  atan2: tf.atan2, prelu: (a, b) => tf.prelu(a as tf.Tensor4D, tf.mul(tf.ones(a.shape), b)), squaredDifference: tf.squaredDifference,
  equal: tf.equal, notEqual: tf.notEqual, greater: tf.greater,
  greaterEqual: tf.greaterEqual, less: tf.less, lessEqual: tf.lessEqual,
}; // biome-ignore format: a table

describe.skipIf(!cpuPlugin)(`elementwise kernels${reason}`, () => {
  it.each(Object.keys(unary))('%s of any number', async (name) => {
    await expectParity(unary[name]!, [floats(SPECIAL)], { tolerance: 2e-6 });
    await expectParity(unary[name]!, [normal([3, 1, 5], 2, 3)], { tolerance: 2e-6 });
    await expectParity(unary[name]!, [EMPTY]);
  });

  it.each(Object.keys(small))('%s of small numbers', async (name) => {
    const x = Array.from({ length: 41 }, (_, i) => (i - 20) / 20.5);
    await expectParity(small[name]!, [floats([...x, Number.NaN, 1e-7])], { tolerance: 2e-6 });
  });

  const pairs = SPECIAL.flatMap((a) => SPECIAL.map((b) => [a, b] as const));

  it.each(Object.keys(binary))('%s of any two numbers, and of shapes that are repeated', async (name) => {
    const [a, b] = [floats(pairs.map(([x]) => x)), floats(pairs.map(([, y]) => y))];
    await expectParity(binary[name]!, [a, b], { tolerance: 2e-6 });
    await expectParity(binary[name]!, [normal([2, 3, 4]), normal([3, 1], 2)], { tolerance: 2e-6 });
    await expectParity(binary[name]!, [normal([4], 3), normal([], 4)], { tolerance: 2e-6 });
    await expectParity(binary[name]!, [EMPTY, normal([3])]);
  });

  const whole = [0, 1, -1, 2, -2, 7, -7, 100, -(2 ** 31), 2 ** 31 - 1, 46341];
  const wholePairs = whole.flatMap((a) => whole.map((b) => [a, b] as const));
  const onWhole = ['add', 'sub', 'maximum', 'minimum', 'floorDiv', 'equal', 'notEqual', 'greater', 'less', 'lessEqual'];

  it.each(onWhole)('%s of whole numbers wraps around', async (name) => {
    const [a, b] = [integers(wholePairs.map(([x]) => x)), integers(wholePairs.map(([, y]) => y))];
    const f = name === 'floorDiv' ? tf.floorDiv : binary[name]!;
    await expectParity(f, [a, b], { tolerance: 0 });
  });

  it('products, squares and signs of whole numbers', async () => {
    const x = integers([0, 1, -1, 4000, -4000, 1000]);
    await expectParity((a) => [tf.mul(a, a), tf.square(a), tf.neg(a), tf.relu(a), tf.sign(a), tf.abs(a)], [x], {
      tolerance: 0,
    });
  });

  it('casts as a store into an array does', async () => {
    const x = floats([
      0,
      1.9,
      -1.9,
      2147483648,
      4294967296,
      3e9,
      -3e9,
      1e20,
      -1e20,
      1e38,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]);
    await expectParity((a) => [tf.cast(a, 'int32'), tf.cast(a, 'bool')], [x], { tolerance: 0 });
    await expectParity((a) => [tf.cast(a, 'float32'), tf.cast(a, 'bool')], [integers([0, 5, -7, 2 ** 24])], {
      tolerance: 0,
    });
    await expectParity((a) => [tf.cast(a, 'float32'), tf.cast(a, 'int32')], [bools([0, 1, 1])], { tolerance: 0 });
  });

  it('logic, and selections of each dtype', async () => {
    const [p, q] = [bools([0, 0, 1, 1]), bools([0, 1, 0, 1])];
    await expectParity(
      (a, b) => [tf.logicalAnd(a, b), tf.logicalOr(a, b), tf.logicalNot(a), tf.logicalXor(a, b)],
      [p, q],
    );
    await expectParity((a, b) => [tf.where(a, a, b)], [p, q]);
    await expectParity((a, x, y) => tf.where(a, x, y), [p, integers([1, 2, 3, 4]), integers([5, 6, 7, 8])]);
    const rows = (a: tf.Tensor, x: tf.Tensor, y: tf.Tensor) => tf.where(tf.expandDims(a, 1), x, y);
    await expectParity(rows, [p, normal([4, 3]), normal([4, 3], 2)]);
  });

  it('fills', async () => {
    const fills = () => [
      tf.fill([2, 3], 1.5),
      tf.ones([2], 'int32'),
      tf.fill([2], 1, 'bool'),
      tf.fill([2], Number.NaN),
      tf.zeros([0, 2]),
    ];
    await expectParity(fills, []);
  });

  it('gradients', async () => {
    for (const name of [
      'elu',
      'selu',
      'softplus',
      'tanh',
      'sigmoid',
      'relu',
      'relu6',
      'leakyRelu',
      'erf',
      'square',
      'abs',
    ] as const) {
      const f = unary[name]!;
      await expectParity((x) => tf.grad((y: tf.Tensor) => tf.sum(tf.mul(f(y), y)))(x), [normal([4, 5], 7)], {
        tolerance: 5e-6,
      });
    }
    await expectParity((x) => tf.grad((y: tf.Tensor) => tf.sum(tf.pow(y, 3)))(x), [normal([4, 5], 7)]);
  });
});
