import { namedConfig } from '@diptych/core';
import { adapters, type HubConfig, type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { VIT_CONFIGS, type ViTConfig, type ViTName } from './vit-configs.js';

/** Which network a checkpoint is for, and how its names become timm's. */
export function vitOf(opened: OpenedCheckpoint): { architecture: ViTName | ViTConfig; adapter: NameAdapter } {
  const { config, library, architecture } = opened;
  if (library === 'timm') {
    if (!/^(vit|deit)_/.test(architecture)) wrongFamily(opened, 'vision.ViT', 'a ViT');
    return { architecture: timmViT(architecture, config), adapter: adapters.timmViT };
  }
  // transformers' `deit` has a distillation token; DeiTs without one call themselves `vit`
  if (architecture !== 'vit') wrongFamily(opened, 'vision.ViT', 'a ViT without distillation token');
  return { architecture: transformersViT(config), adapter: adapters.transformersViT };
}

const SIZES = ['img_size', 'patch_size', 'embed_dim', 'depth', 'num_heads', 'mlp_ratio', 'class_token', 'in_chans'];

function timmViT(name: string, config: HubConfig): ViTName | ViTConfig {
  const base: ViTConfig = namedConfig('vision.ViT', VIT_CONFIGS, name);
  const args = config.object('model_args');
  args.noneBut([...SIZES, 'num_classes', 'global_pool', 'fc_norm']);
  args.only('fc_norm', args.has('global_pool') && args.text('global_pool') === 'avg');
  const pool = args.has('global_pool') ? args.text('global_pool') : undefined;
  if (!SIZES.some((field) => args.has(field)) && pool === undefined) return name as ViTName;
  if (pool !== 'avg' && pool !== undefined) args.only('global_pool', 'token');
  const classToken = args.flag('class_token', base.classToken ?? true);
  const hiddenSize = args.number('embed_dim', base.hiddenSize);
  return {
    patchSize: args.side('patch_size', base.patchSize),
    hiddenSize,
    numLayers: args.number('depth', base.numLayers),
    numHeads: args.number('num_heads', base.numHeads),
    // timm's int(dim * mlp_ratio)
    intermediateSize: Math.trunc(hiddenSize * args.number('mlp_ratio', 4)),
    imageSize: args.side('img_size', base.imageSize ?? 224),
    pooling: pool === undefined ? base.pooling : pool === 'avg' ? 'mean' : 'cls',
    classToken,
    inChannels: args.number('in_chans', 3),
  };
}

function transformersViT(config: HubConfig): ViTConfig {
  config.only('hidden_act', 'gelu');
  config.only('qkv_bias', true);
  return {
    patchSize: config.side('patch_size', 16),
    hiddenSize: config.number('hidden_size', 768),
    numLayers: config.number('num_hidden_layers', 12),
    numHeads: config.number('num_attention_heads', 12),
    intermediateSize: config.number('intermediate_size', 3072),
    imageSize: config.side('image_size', 224),
    layerNormEps: config.number('layer_norm_eps', 1e-12),
    inChannels: config.number('num_channels', 3),
  };
}
