import { namedConfig } from '@diptych/core';
import { type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { torchvisionBlocks } from '../torchvision-mobile.js';
import {
  EFFICIENTNET_CONFIGS,
  type EfficientNetConfig,
  type EfficientNetName,
  efficientNetShape,
} from './efficientnet-configs.js';

/** torchvision's names of an EfficientNet (`features.1.0.block.0.0.weight`) to timm's; timm's stay as they are. */
export function torchvisionEfficientNet(config: EfficientNetConfig): NameAdapter {
  const { stages } = efficientNetShape(config);
  const head = stages.length + 1;
  return {
    rules: [
      { from: /^features\.0\.0\./, to: 'conv_stem.' },
      { from: /^features\.0\.1\./, to: 'bn1.' },
      ...torchvisionBlocks(stages, ({ stage, position }) => `features.${stage + 1}.${position}`),
      { from: new RegExp(`^features\\.${head}\\.0\\.`), to: 'conv_head.' },
      { from: new RegExp(`^features\\.${head}\\.1\\.`), to: 'bn2.' },
      { from: /^classifier\.1\./, to: 'classifier.' },
    ],
  };
}

/** Which network a checkpoint of timm or torchvision is for, and how its names become timm's. */
export function efficientNetOf(opened: OpenedCheckpoint): {
  architecture: EfficientNetName | EfficientNetConfig;
  adapter: NameAdapter;
} {
  const { config, library, architecture } = opened;
  if (library !== 'timm' || !/^(tf_)?efficientnet_/.test(architecture)) {
    wrongFamily(opened, 'vision.EfficientNet', "timm's or torchvision's EfficientNet");
  }
  const base: EfficientNetConfig = namedConfig('vision.EfficientNet', EFFICIENTNET_CONFIGS, architecture);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans']);
  const adapter = torchvisionEfficientNet(base);
  if (!args.has('in_chans')) return { architecture: architecture as EfficientNetName, adapter };
  return { architecture: { ...base, inChannels: args.number('in_chans') }, adapter };
}
