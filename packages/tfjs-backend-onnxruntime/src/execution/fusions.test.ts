import { BatchNorm2d, Conv2d, compile, Dropout, Generator, gelu, LayerNorm, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { compareWithPortable as compare, random } from '../../test/compare.js';
import { useOnnxRuntime } from '../index.js';

beforeEach(() => {
  useOnnxRuntime({ forceNative: true });
});

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
