import { namedConfig } from '@diptych/core';
import { type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { torchvisionBlocks } from '../torchvision-mobile.js';
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
export function mobileNetV3Of(opened: OpenedCheckpoint): {
  architecture: MobileNetV3Name | MobileNetV3Config;
  adapter: NameAdapter;
} {
  const { config, library, architecture } = opened;
  if (library !== 'timm' || !/^((tf_)?mobilenetv3|mobilenet_v3)_/.test(architecture)) {
    wrongFamily(opened, 'vision.MobileNetV3', "timm's or torchvision's MobileNetV3");
  }
  const base: MobileNetV3Config = namedConfig('vision.MobileNetV3', MOBILENET_V3_CONFIGS, architecture);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans']);
  const adapter = torchvisionMobileNetV3(base);
  if (!args.has('in_chans')) return { architecture: architecture as MobileNetV3Name, adapter };
  return { architecture: { ...base, inChannels: args.number('in_chans') }, adapter };
}
