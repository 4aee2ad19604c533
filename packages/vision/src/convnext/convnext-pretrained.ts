import { namedConfig } from '@diptych/core';
import { type HubConfig, type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { CONVNEXT_CONFIGS, type ConvNeXtConfig, type ConvNeXtName } from './convnext-configs.js';

/** Names of transformers' ConvNeXt (`facebook/convnext-tiny-224`) to timm's. */
export const transformersConvNeXt: NameAdapter = {
  rules: [
    { from: /^convnext\./, to: '' },
    { from: /^embeddings\.patch_embeddings\./, to: 'stem.0.' },
    { from: /^embeddings\.layernorm\./, to: 'stem.1.' },
    { from: /^encoder\.stages\.(\d+)\.downsampling_layer\./, to: 'stages.$1.downsample.' },
    { from: /^encoder\.stages\.(\d+)\.layers\.(\d+)\./, to: 'stages.$1.blocks.$2.' },
    { from: /^(stages\.\d+\.blocks\.\d+)\.layer_scale_parameter$/, to: '$1.gamma' },
    { from: /^(stages\.\d+\.blocks\.\d+)\.dwconv\./, to: '$1.conv_dw.' },
    { from: /^(stages\.\d+\.blocks\.\d+)\.layernorm\./, to: '$1.norm.' },
    { from: /^(stages\.\d+\.blocks\.\d+)\.pwconv([12])\./, to: '$1.mlp.fc$2.' },
    { from: /^layernorm\./, to: 'head.norm.' },
    { from: /^classifier\./, to: 'head.fc.' },
  ],
};

/** Which network a checkpoint is for, and how its names become timm's. */
export function convnextOf(opened: OpenedCheckpoint): {
  architecture: ConvNeXtName | ConvNeXtConfig;
  adapter: NameAdapter;
} {
  const { config, library, architecture } = opened;
  if (library === 'timm') {
    if (!architecture.startsWith('convnext_')) wrongFamily(opened, 'vision.ConvNeXt', 'a ConvNeXt');
    return { architecture: timmConvNeXt(architecture, config), adapter: {} };
  }
  if (architecture !== 'convnext') wrongFamily(opened, 'vision.ConvNeXt', 'a ConvNeXt');
  config.only('hidden_act', 'gelu');
  config.only('patch_size', 4);
  return {
    architecture: {
      depths: config.numbers('depths', [3, 3, 9, 3]),
      widths: config.numbers('hidden_sizes', [96, 192, 384, 768]),
      headEps: config.number('layer_norm_eps', 1e-12),
      inChannels: config.number('num_channels', 3),
    },
    adapter: transformersConvNeXt,
  };
}

function timmConvNeXt(name: string, config: HubConfig): ConvNeXtName | ConvNeXtConfig {
  const base: ConvNeXtConfig = namedConfig('vision.ConvNeXt', CONVNEXT_CONFIGS, name);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans', 'depths', 'dims']);
  args.only('global_pool', 'avg');
  if (!['in_chans', 'depths', 'dims'].some((field) => args.has(field))) return name as ConvNeXtName;
  return {
    depths: args.numbers('depths', base.depths),
    widths: args.numbers('dims', base.widths),
    inChannels: args.number('in_chans', 3),
  };
}
