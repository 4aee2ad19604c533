import { BatchNorm2d, Conv2d, compile, Dropout, Generator, gelu, LayerNorm, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { compileFunction } from '../compile/compile-function.js';
import { type OnnxRuntimeBackend, useOnnxRuntime } from '../index.js';

let backend: OnnxRuntimeBackend;

beforeEach(() => {
  backend = useOnnxRuntime({ forceNative: true });
});

const random = (shape: number[], seed: number, mean = 0) => tf.randomNormal(shape, mean, 1, 'float32', seed);

/** Largest difference relative to the largest expected element. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [0, 1e-6];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}

/**
 * Value and gradients of `sum(f(x) * r)`, compiled here and eager on the portable backend. Returns the operations that
 * the compiled program consists of.
 */
function compare(f: (x: tf.Tensor) => tf.Tensor, variables: tf.Variable[], shape: number[], tolerance = 2e-5): string {
  const weighted = (x: tf.Tensor) => {
    const r = random(f(x).shape, 99);
    return tf.sum(tf.mul(f(x), r)) as tf.Scalar;
  };
  const all = (x: tf.Tensor) => {
    if (variables.length === 0) return { output: f(x), value: weighted(x), dx: tf.grad(weighted)(x), grads: [] };
    const { value, grads } = tf.variableGrads(() => weighted(x), variables);
    return { output: f(x), value, dx: tf.grad(weighted)(x), grads: variables.map((variable) => grads[variable.name]!) };
  };
  const compiled = compileFunction(backend, all);
  const read = ({ output, value, dx, grads }: ReturnType<typeof all>) =>
    [output, value, dx, ...grads].map((t) => t.dataSync().slice());
  const ours = tf.tidy(() => read(compiled(random(shape, 7, 0.5))));
  const text = compiled.programs()[0]!;
  compiled.dispose();
  tf.setBackend('cpu');
  const expected = tf.tidy(() => read(all(random(shape, 7, 0.5))));
  tf.setBackend('onnxruntime');
  ours.forEach((values, i) => {
    expect(relativeError(values, expected[i]!), `result ${i}`).toBeLessThan(tolerance);
  });
  return text;
}

const generator = new Generator(3);
const training = { training: true, random: { state: tf.tensor1d([1, 2, 0], 'int32') } } as never;

describe('fused operations equal what they replace', () => {
  it('batch normalisation in training, with ReLU and a convolution before', () => {
    const conv = new Conv2d(3, 8, 3, { padding: 1, bias: false, generator });
    const norm = new BatchNorm2d(8);
    norm.weight.assign(tf.tensor1d([1, 2, 0.5, -1, 1.5, 0.3, 2, 1]));
    norm.bias.assign(tf.tensor1d([0.1, -0.2, 0.3, 0, 0.5, -0.5, 1, 0]));
    const f = (x: tf.Tensor) => {
      const before = [norm.runningMean.clone(), norm.runningVar.clone()];
      const y = tf.relu(norm.forward(conv.forward(x as tf.Tensor4D), training));
      norm.runningMean.assign(before[0] as tf.Tensor1D);
      norm.runningVar.assign(before[1] as tf.Tensor1D);
      return y;
    };
    const text = compare(f, [conv.weight, norm.weight, norm.bias], [2, 6, 6, 3]);
    expect(text).toMatch(/= BatchNormTrain\(/);
    expect(text).toMatch(/= ChannelAffine\(/);
    expect(text).not.toMatch(/= Rsqrt\(.*f32\[2,8/);
  });

  it('layer normalisation', () => {
    const norm = new LayerNorm(16);
    norm.weight.assign(tf.tensor1d(Array.from({ length: 16 }, (_, i) => 1 + i / 10)));
    const text = compare((x) => norm.forward(x), [norm.weight, norm.bias], [4, 5, 16]);
    expect(text).toMatch(/= LayerNorm\(/);
  });

  it('a linear layer with GELU', () => {
    const linear = new Linear(16, 70, { generator });
    compare((x) => gelu(linear.forward(x)), [linear.weight, linear.bias!], [3, 4, 16]);
  });

  it('dropout, drawn as a mask', () => {
    const dropout = new Dropout(0.3);
    dropout.bindPaths('dropout');
    const text = compare((x) => dropout.forward(x, training), [], [4, 10]);
    expect(text).toMatch(/= PhiloxMask\(/);
    expect(text).not.toMatch(/= PhiloxUniform\(/);
  });

  it('compile of nn reaches the same programs', () => {
    const norm = new LayerNorm(8);
    const forward = compile((x: tf.Tensor) => norm.forward(x));
    expect(forward(random([2, 8], 1)).shape).toEqual([2, 8]);
    forward.dispose();
  });
});
