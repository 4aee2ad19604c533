import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SmallCNN } from './small-cnn.js';

const pixels = (batch: number, size: number, channels = 3): tf.Tensor4D =>
  tf.randomNormal([batch, size, size, channels], 0, 1, 'float32', 7);

describe('SmallCNN', () => {
  beforeEach(() => {
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    tf.disposeVariables();
  });

  it('gives one vector a picture and one token a grid position', () => {
    const cnn = new SmallCNN({ embedDim: 12 });
    const { pooled, sequence, mask } = cnn.encode(pixels(2, 64), inference);
    expect(pooled.shape).toEqual([2, 12]);
    expect(sequence.shape).toEqual([2, 16, 12]);
    expect(mask).toBeUndefined();
  });

  it('gives tokens that add up to the pooled vector without its bias', () => {
    const cnn = new SmallCNN({ embedDim: 6, imageSize: 20, channels: [4, 8] });
    const { pooled, sequence } = cnn.encode(pixels(3, 20), inference);
    expect(sequence.shape).toEqual([3, 25, 6]);
    const sum = tf.add(tf.sum(sequence, 1), cnn.fc.bias!);
    expect(tf.max(tf.abs(tf.sub(sum, pooled))).dataSync()[0]).toBeLessThan(1e-5);
  });

  it('names its parameters as torch would', () => {
    const cnn = new SmallCNN({ embedDim: 5, imageSize: 16, channels: [4, 8] });
    expect(Array.from(cnn.namedParameters(), ([name, { shape }]) => `${name} ${shape}`)).toEqual([
      'blocks.0.conv.weight 4,3,3,3',
      'blocks.0.bn.weight 4',
      'blocks.0.bn.bias 4',
      'blocks.1.conv.weight 8,4,3,3',
      'blocks.1.bn.weight 8',
      'blocks.1.bn.bias 8',
      'fc.weight 5,128',
      'fc.bias 5',
    ]);
    expect(Array.from(cnn.namedBuffers(), ([name]) => name)).toContain('blocks.1.bn.running_var');
  });

  it('starts equal from the same seed and different from another', () => {
    const weights = (seed: number) => new SmallCNN({ embedDim: 4, seed }).fc.weight.dataSync();
    expect(weights(3)).toEqual(weights(3));
    expect(weights(3)).not.toEqual(weights(4));
  });

  it('moves its running statistics in training alone', () => {
    const cnn = new SmallCNN({ embedDim: 4, imageSize: 16, channels: [4, 4] });
    const mean = () => Array.from(cnn.blocks[0]!.bn.runningMean.dataSync());
    const x = pixels(4, 16);
    cnn.encode(x, inference);
    expect(mean()).toEqual([0, 0, 0, 0]);
    const training = { training: true, random: randomStream(0, 0) } as const;
    cnn.blocks[0]!.bn.frozen = true;
    cnn.encode(x, training);
    expect(mean()).toEqual([0, 0, 0, 0]);
    cnn.blocks[0]!.bn.frozen = false;
    cnn.encode(x, training);
    expect(mean()).not.toEqual([0, 0, 0, 0]);
  });

  it('learns: gradients reach every parameter', () => {
    const cnn = new SmallCNN({ embedDim: 4, imageSize: 16, channels: [4, 4] });
    const x = pixels(4, 16);
    const training = { training: true, random: randomStream(0, 0) } as const;
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(cnn.encode(x, training).pooled)));
    expect(Object.keys(grads)).toHaveLength(Array.from(cnn.namedParameters()).length);
    for (const gradient of Object.values(grads)) expect(tf.max(tf.abs(gradient)).dataSync()[0]).toBeGreaterThan(0);
  });

  it('describes itself so that it can be built again', () => {
    const cnn = new SmallCNN({ embedDim: 4, imageSize: 32, channels: [8, 16], seed: 9 });
    expect(cnn.describe()).toEqual({
      kind: 'vision/small-cnn',
      options: { embedDim: 4, imageSize: 32, channels: [8, 16], inChannels: 3 },
    });
  });

  it('says what to do about pictures of another size or layout', () => {
    const cnn = new SmallCNN({ embedDim: 4 });
    expect(() => cnn.encode(pixels(1, 32), inference)).toThrow(
      'vision.SmallCNN: expected pixels of shape [B,64,64,3], got [1,32,32,3]; resize the pictures to 64x64',
    );
    const channelsFirst: tf.Tensor4D = tf.zeros([1, 3, 64, 64]);
    expect(() => cnn.encode(channelsFirst, inference)).toThrow('channels come last');
    expect(() => new SmallCNN({ embedDim: 0 })).toThrow('embedDim');
    expect(() => new SmallCNN({ embedDim: 4, channels: [] })).toThrow('number of blocks');
  });
});
