import '@tensorflow/tfjs-backend-cpu';
import { buildPart, type ImageEncoder, inference, parametersOf } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import { testEncoder } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { SMALL_ENCODERS } from '../test/small-encoders.js';
import { ClipVision, ConvNeXt, EfficientNet, kinds, MobileNetV3, ResNet, ViT } from './index.js';

const tower = { imageSize: 32, patchSize: 8, hiddenSize: 12, numLayers: 2, numHeads: 3 };

const pixels = (batch: number, size: number, noise = 1) =>
  tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', noise) as tf.Tensor4D;

describe.each(Object.entries(SMALL_ENCODERS))('%s', (name, { make, size, tokens }) => {
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
    const again = buildPart<ImageEncoder>(description, { where: 'test', kinds });
    const shapes = (model: ImageEncoder) => parametersOf(model).map(([key, { shape }]) => `${key} ${shape}`);
    expect(shapes(again)).toEqual(shapes(encoder));
    expect(again.describe!()).toEqual(encoder.describe!());
    encoder.dispose();
    again.dispose();
  });

  it('says what to do about channels-first pictures, bytes, and arrays', () => {
    const encoder = make();
    const wrong: tf.Tensor4D = tf.zeros([1, 3, size, size]);
    expect(() => encoder.encode(wrong, inference)).toThrow('channels come last in tfjs');
    const bytes: tf.Tensor4D = tf.zeros([1, size, size, 3], 'int32');
    expect(() => encoder.encode(bytes, inference)).toThrow('expected pixels of dtype float32, got int32');
    expect(() => encoder.encode([[0]] as unknown as tf.Tensor4D, inference)).toThrow('pixels as a float32 tensor');
    bytes.dispose();
    encoder.dispose();
    wrong.dispose();
  });
});

const bad: [string, () => unknown, string][] = [
  ['an unknown ResNet', () => new ResNet('resnet51' as 'resnet50'), 'got resnet51; or pass a configuration'],
  ['a ResNet of three stages', () => new ResNet({ block: 'basic', layers: [1, 1, 1] }), 'blocks of 4 stages'],
  [
    'groups in basic blocks',
    () => new ResNet({ block: 'basic', layers: [1, 1, 1, 1], groups: 2 }),
    'bottleneck blocks',
  ],
  ['no width', () => new ResNet('resnet18', { embedDim: 0 }), 'expected embedDim to be a whole number above 0, got 0'],
  [
    'half a width',
    () => new ViT('vit_tiny_patch16_224', { embedDim: 1.5 }),
    'vision.vit_tiny_patch16_224: expected embedDim',
  ],
  [
    'a ViT whose patches do not fill the picture',
    () => new ViT('vit_tiny_patch16_224', { imageSize: 230 }),
    'patchSize to divide',
  ],
  [
    'a class token that is not there',
    () => new ViT('vit_base_patch16_gap_224', { pooling: 'cls' }),
    "pooling 'cls' needs a class token",
  ],
  [
    'heads that do not fit',
    () => new ClipVision({ ...tower, numHeads: 5, projectionDim: 4 }),
    'numHeads to divide hiddenSize',
  ],
  ['stages that do not fit', () => new ConvNeXt({ depths: [1], widths: [4, 8] }), 'as many depths as widths'],
  ['all paths dropped', () => new ConvNeXt('convnext_atto', { dropPathRate: 1 }), 'dropPathRate in [0, 1)'],
  ['no such MobileNetV3', () => new MobileNetV3({ size: 'medium' as 'small' }), "size to be 'small' or 'large'"],
  [
    'no channels',
    () => new MobileNetV3({ size: 'small', widthMultiplier: 0 }),
    'widthMultiplier to be a number above 0',
  ],
  ['no blocks', () => new EfficientNet({ depthMultiplier: -1 }), 'depthMultiplier to be a number above 0'],
  ['all blocks dropped', () => new EfficientNet('efficientnet_b0', { dropPathRate: 1 }), 'dropPathRate in [0, 1)'],
  [
    'a kind of another package',
    () => buildPart({ kind: 'text/bert', options: {} }, { where: 'test', kinds }),
    'got text/bert',
  ],
];

it.each(bad)('refuses %s, and holds no memory', (_what, make, message) => {
  const before = tf.memory().numTensors;
  expect(make).toThrow(message);
  expect(tf.memory().numTensors).toBe(before);
});

it("computes ViT's class token by itself, with the gradients that it has among the patches", () => {
  const vit = new ViT(tower, { embedDim: 5 });
  const direction = tf.linspace(-1, 1, 5);
  const gradientsOf = (vectors: () => tf.Tensor) =>
    tf.variableGrads(() => tf.sum(tf.mul(vectors(), direction)) as tf.Scalar).grads;
  const input = pixels(2, 32);
  const among = gradientsOf(() => {
    const first = tf.reshape(tf.slice(vit.tokens(input, inference), [0, 0, 0], [2, 1, 12]), [2, 12]);
    return vit.head!.forward(vit.norm!.forward(first));
  });
  const alone = gradientsOf(() => vit.encode(input, inference).pooled);
  expect(Object.keys(alone).sort()).toEqual(Object.keys(among).sort());
  for (const [name, gradient] of Object.entries(among)) {
    expect(tf.max(tf.abs(tf.sub(alone[name]!, gradient))).dataSync()[0]).toBeLessThan(1e-6);
  }
  vit.dispose();
});

it('keeps running statistics of frozen batch normalisations in training', () => {
  const encoder = new ResNet({ block: 'basic', layers: [1, 1, 1, 1], width: 4 }, { seed: 5 });
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
