import '@tensorflow/tfjs-backend-cpu';
import { parametersOf, type Stateful } from '@diptych/core';
import { BlankGenerator } from '@diptych/nn';
import { expect, it } from 'vitest';
import {
  ClipVision,
  type ClipVisionName,
  ConvNeXt,
  type ConvNeXtName,
  EfficientNet,
  type EfficientNetName,
  MobileNetV3,
  type MobileNetV3Name,
  ResNet,
  type ResNetName,
  SiglipVision,
  ViT,
  type ViTName,
} from './index.js';

/** Trainable numbers of torchvision's, timm's and transformers' networks, with 1000 classes where they classify. */
const resnets: Partial<Record<ResNetName, number>> = {
  resnet18: 11_689_512,
  resnet34: 21_797_672,
  resnet50: 25_557_032,
  resnet101: 44_549_160,
  resnet152: 60_192_808,
  wide_resnet50_2: 68_883_240,
  wide_resnet101_2: 126_886_696,
  resnext50_32x4d: 25_028_904,
  resnext101_32x8d: 88_791_336,
  resnext101_64x4d: 83_455_272,
};
const vits: Partial<Record<ViTName, number>> = {
  vit_tiny_patch16_224: 5_717_416,
  vit_small_patch32_224: 22_878_952,
  vit_small_patch16_224: 22_050_664,
  vit_base_patch32_384: 88_297_192,
  vit_base_patch16_224: 86_567_656,
  vit_base_patch16_gap_224: 86_566_120,
};
const convnexts: Partial<Record<ConvNeXtName, number>> = {
  convnext_atto: 3_695_520,
  convnext_femto: 5_217_784,
  convnext_pico: 9_045_672,
  convnext_nano: 15_593_560,
  convnext_tiny: 28_589_128,
  convnext_small: 50_223_688,
  convnext_base: 88_591_464,
};
const efficientNets: Partial<Record<EfficientNetName, number>> = {
  efficientnet_b0: 5_288_548,
  efficientnet_b1: 7_794_184,
  efficientnet_b2: 9_109_994,
  efficientnet_b3: 12_233_232,
  tf_efficientnet_b4: 19_341_616,
  efficientnet_lite0: 4_652_008,
  efficientnet_lite1: 5_416_680,
  efficientnet_lite2: 6_092_072,
  efficientnet_lite3: 8_197_096,
  tf_efficientnet_lite4: 13_006_568,
};
const mobileNets: Partial<Record<MobileNetV3Name, number>> = {
  mobilenetv3_small_100: 2_542_856,
  mobilenetv3_large_100: 5_483_032,
  mobilenet_v3_large: 5_483_032,
};
const clips: Partial<Record<ClipVisionName, number>> = { 'clip-vit-base-patch32': 87_849_216 };

const generator = new BlankGenerator();

function expectCount(model: Stateful, count: number): void {
  let found = 0;
  for (const [, { size }] of parametersOf(model)) found += size;
  model.dispose();
  expect(found).toBe(count);
}

it.each(Object.entries(resnets))('%s has %i parameters', (name, count) => {
  expectCount(new ResNet(name as ResNetName, { embedDim: 1000, generator }), count);
});

it.each(Object.entries(vits))('%s has %i parameters', (name, count) => {
  expectCount(new ViT(name as ViTName, { embedDim: 1000, generator }), count);
});

it.each(Object.entries(convnexts))('%s has %i parameters', (name, count) => {
  expectCount(new ConvNeXt(name as ConvNeXtName, { embedDim: 1000, generator }), count);
});

it.each(Object.entries(efficientNets))('%s has %i parameters', (name, count) => {
  expectCount(new EfficientNet(name as EfficientNetName, { embedDim: 1000, generator }), count);
});

it.each(Object.entries(mobileNets))('%s has %i parameters', (name, count) => {
  expectCount(new MobileNetV3(name as MobileNetV3Name, { embedDim: 1000, generator }), count);
});

it.each(Object.entries(clips))('%s has %i parameters in its vision tower', (name, count) => {
  expectCount(new ClipVision(name as ClipVisionName, { generator }), count);
});

it('siglip-base-patch16-224 has 92884224 parameters in its vision tower', () => {
  expectCount(new SiglipVision('siglip-base-patch16-224', { generator }), 92_884_224);
});
