import type { NameAdapter, OpenedCheckpoint } from '@diptych/weights';
import { mobileNetworkOf, torchvisionBlocks } from '../torchvision-mobile.js';
import {
  EFFICIENTNET_CONFIGS,
  type EfficientNetConfig,
  type EfficientNetName,
  efficientNetShape,
} from './efficientnet-configs.js';
import { ofTransformers } from './efficientnet-transformers.js';

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

/** Which network a checkpoint of timm, torchvision or transformers is for, and how its names become timm's. */
export function efficientNetOf(opened: OpenedCheckpoint) {
  if (opened.library === 'transformers' && opened.architecture === 'efficientnet') return ofTransformers(opened);
  return mobileNetworkOf<EfficientNetName, EfficientNetConfig>(opened, {
    where: 'vision.EfficientNet',
    title: 'EfficientNet of timm, torchvision or transformers',
    names: /^(tf_)?efficientnet_/,
    configs: EFFICIENTNET_CONFIGS,
    adapter: torchvisionEfficientNet,
  });
}
