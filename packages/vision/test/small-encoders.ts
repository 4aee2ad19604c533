import type { ImageEncoder } from '@diptych/core';
import type { Module } from '@diptych/nn';
import { ClipVision, ConvNeXt, EfficientNet, MobileNetV3, ResNet, SiglipVision, SmallCNN, ViT } from '../src/index.js';

/** A small network for tests. */
export interface SmallEncoder {
  readonly make: () => Module & ImageEncoder;
  /** Side of its pictures. */
  readonly size: number;
  /** Length of its sequence. */
  readonly tokens: number;
}

const tower = { imageSize: 32, patchSize: 8, hiddenSize: 12, numLayers: 2, numHeads: 3 };
const seed = 5;

/** One of each kind and variant. */
export const SMALL_ENCODERS: Readonly<Record<string, SmallEncoder>> = {
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
    make: () => new ViT(tower, { embedDim: 6, dropPathRate: 0.2, seed }).bindPaths('vit'),
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
      new ConvNeXt({ depths: [1, 2], widths: [4, 8] }, { embedDim: 6, dropPathRate: 0.2, seed }).bindPaths('convnext'),
    size: 24,
    tokens: 9,
  },
  EfficientNet: {
    make: () =>
      new EfficientNet(
        { widthMultiplier: 0.1, depthMultiplier: 0.3 },
        { embedDim: 6, dropPathRate: 0.2, seed },
      ).bindPaths('efficientnet'),
    size: 64,
    tokens: 4,
  },
  "EfficientNet lite, TensorFlow's, no head": {
    make: () =>
      new EfficientNet({ widthMultiplier: 0.1, depthMultiplier: 0.3, lite: true, tensorflow: true }, { seed }),
    size: 64,
    tokens: 4,
  },
  'MobileNetV3 small': {
    make: () => new MobileNetV3({ size: 'small', widthMultiplier: 0.1, headChannels: 16 }, { embedDim: 6, seed }),
    size: 64,
    tokens: 4,
  },
  "MobileNetV3 large, TensorFlow's, no head": {
    make: () => new MobileNetV3({ size: 'large', widthMultiplier: 0.1, headChannels: 16, tensorflow: true }, { seed }),
    size: 64,
    tokens: 4,
  },
  CLIP: { make: () => new ClipVision({ ...tower, projectionDim: 6 }, { seed }), size: 32, tokens: 16 },
  SigLIP: { make: () => new SiglipVision(tower, { seed }), size: 32, tokens: 16 },
  'SigLIP, projected, with a rest beyond the last patch': {
    make: () => new SiglipVision({ ...tower, imageSize: 30 }, { embedDim: 6, seed }),
    size: 30,
    tokens: 9,
  },
};
