import type { NameAdapter, OpenedCheckpoint } from '@diptych/weights';
import { mobileNetworkOf, torchvisionBlocks } from '../torchvision-mobile.js';
import {
  MOBILENET_V3_CONFIGS,
  type MobileNetV3Config,
  type MobileNetV3Name,
  mobileNetV3Shape,
} from './mobilenet-v3-configs.js';

/**
 * torchvision's names of a MobileNetV3 (`features.1.block.0.0.weight`) to timm's; timm's stay as they are. Its head is a
 * linear layer, whose [out, in] loads as the [out, in, 1, 1] of timm's convolution.
 */
export function torchvisionMobileNetV3(config: MobileNetV3Config): NameAdapter {
  const { stages } = mobileNetV3Shape(config);
  const blocks = stages.reduce((sum, { expansions }) => sum + expansions.length, 0);
  const last = `^features\\.${blocks + 1}`;
  return {
    rules: [
      { from: /^features\.0\.0\./, to: 'conv_stem.' },
      { from: /^features\.0\.1\./, to: 'bn1.' },
      ...torchvisionBlocks(stages, ({ index }) => `features.${index + 1}`),
      { from: new RegExp(`${last}\\.0\\.`), to: `blocks.${stages.length}.0.conv.` },
      { from: new RegExp(`${last}\\.1\\.`), to: `blocks.${stages.length}.0.bn1.` },
      { from: /^classifier\.0\./, to: 'conv_head.' },
      { from: /^classifier\.3\./, to: 'classifier.' },
    ],
  };
}

/** Which network a checkpoint of timm or torchvision is for, and how its names become timm's. */
export function mobileNetV3Of(opened: OpenedCheckpoint) {
  return mobileNetworkOf<MobileNetV3Name, MobileNetV3Config>(opened, {
    where: 'vision.MobileNetV3',
    title: "timm's or torchvision's MobileNetV3",
    names: /^((tf_)?mobilenetv3|mobilenet_v3)_/,
    configs: MOBILENET_V3_CONFIGS,
    adapter: torchvisionMobileNetV3,
  });
}
