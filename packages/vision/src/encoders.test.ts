import '@tensorflow/tfjs-backend-cpu';
import { type ImageEncoder, inference } from '@diptych/core';
import { BlankGenerator, type Module, randomStream } from '@diptych/nn';
import { testEncoder } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  ClipVision,
  ConvNeXt,
  IMAGE_ENCODER_KINDS,
  imageEncoderFrom,
  ResNet,
  SiglipVision,
  SmallCNN,
  ViT,
} from './index.js';

const tower = { imageSize: 32, patchSize: 8, hiddenSize: 12, depth: 2, numHeads: 3 };
const seed = 5;

/** One small network a kind and variant, the side of its pictures, and the length of its sequence. */
const encoders: Record<string, { make: () => Module & ImageEncoder; size: number; tokens: number; idle?: RegExp[] }> = {
  'small CNN': {
    make: () => new SmallCNN({ embedDim: 6, imageSize: 24, channels: [4, 8], seed }),
    size: 24,
    tokens: 36,
  },
  'ResNet, basic blocks': {
    make: () => new ResNet({ block: 'basic', layers: [1, 1, 1, 2], width: 4 }, { embedDim: 6, seed }),
    size: 64,
    tokens: 4,
  },
  'ResNet, bottlenecks, no head': {
    make: () => new ResNet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }, { seed }),
    size: 64,
    tokens: 4,
  },
  ResNeXt: {
    make: () =>
      new ResNet(
        { block: 'bottleneck', layers: [1, 1, 1, 1], width: 8, groups: 2, widthPerGroup: 32 },
        { embedDim: 6, seed },
      ),
    size: 64,
    tokens: 4,
  },
  'ViT, class token': {
    make: () => new ViT({ ...tower }, { embedDim: 6, dropPathRate: 0.2, seed }).bindPaths('vit'),
    size: 32,
    tokens: 16,
  },
  'ViT, mean': {
    make: () => new ViT({ ...tower, classToken: false }, { pooling: 'mean', seed }),
    size: 32,
    tokens: 16,
  },
  ConvNeXt: {
    make: () =>
      new ConvNeXt({ depths: [1, 2], widths: [4, 8] }, { embedDim: 6, dropPathRate: 0.2, seed }).bindPaths('x'),
    size: 24,
    tokens: 9,
  },
  CLIP: { make: () => new ClipVision({ ...tower, projectionDim: 6 }, { seed }), size: 32, tokens: 16 },
  SigLIP: { make: () => new SiglipVision(tower, { seed }), size: 32, tokens: 16 },
  'SigLIP, projected, with a rest beyond the last patch': {
    make: () => new SiglipVision({ ...tower, imageSize: 30 }, { embedDim: 6, seed }),
    size: 30,
    tokens: 9,
  },
};

const pixels = (batch: number, size: number, noise = 1) =>
  tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', noise) as tf.Tensor4D;

describe.each(Object.entries(encoders))('%s', (name, { make, size, tokens }) => {
  testEncoder({ describe, it }, `${name}: contract`, {
    create: make,
    input: (batch, noise) => pixels(batch, size, noise),
  });

  it('has a token for each place of its grid, of the width it says', () => {
    const encoder = make();
    tf.tidy(() => {
      const { pooled, sequence, mask } = encoder.encode(pixels(2, size), inference);
      expect(pooled.shape).toEqual([2, encoder.embedDim]);
      expect(sequence.shape).toEqual([2, tokens, encoder.embedDim]);
      expect(mask).toBeUndefined();
    });
    encoder.dispose();
  });

  it('is built again from its description, as JSON', () => {
    const encoder = make();
    const description = JSON.parse(JSON.stringify(encoder.describe!()));
    expect(IMAGE_ENCODER_KINDS).toContain(description.kind);
    const again = imageEncoderFrom(description, new BlankGenerator());
    const shapes = (model: ImageEncoder) =>
      Array.from(model.namedParameters(), ([key, { shape }]) => `${key} ${shape}`);
    expect(shapes(again)).toEqual(shapes(encoder));
    expect(again.describe!()).toEqual(encoder.describe!());
    encoder.dispose();
    again.dispose();
  });

  it('says what to do about channels-first pictures', () => {
    const encoder = make();
    const wrong = tf.zeros([1, 3, size, size]) as tf.Tensor4D;
    expect(() => encoder.encode(wrong, inference)).toThrow('channels come last in tfjs');
    encoder.dispose();
    wrong.dispose();
  });
});

it('keeps running statistics of frozen batch normalisations in training', () => {
  const encoder = new ResNet({ block: 'basic', layers: [1, 1, 1, 1], width: 4 }, { seed });
  const training = { training: true, random: randomStream(0, 0) } as const;
  const statistics = () => Array.from(encoder.namedBuffers(), ([, buffer]) => Array.from(buffer.dataSync()));
  const before = statistics();
  for (const [, module] of encoder.namedModules()) if ('frozen' in module) module.frozen = true;
  tf.tidy(() => void encoder.encode(pixels(2, 32), training));
  expect(statistics()).toEqual(before);
  for (const [, module] of encoder.namedModules()) if ('frozen' in module) module.frozen = false;
  tf.tidy(() => void encoder.encode(pixels(2, 32), training));
  for (const [index, values] of statistics().entries()) expect(values).not.toEqual(before[index]);
  encoder.dispose();
});
