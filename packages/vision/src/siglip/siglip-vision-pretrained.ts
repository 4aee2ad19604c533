import { TRANSFORMERS_ACTIVATIONS } from '@diptych/nn';
import { adapters, type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import type { SiglipVisionConfig } from './siglip-vision-configs.js';

/** Which vision tower a checkpoint of SiglipModel, or of its vision half, holds. */
export function siglipVisionOf(opened: OpenedCheckpoint): { architecture: SiglipVisionConfig; adapter: NameAdapter } {
  const { config, library, architecture } = opened;
  const whole = architecture === 'siglip';
  if (library !== 'transformers' || !(whole || architecture === 'siglip_vision_model')) {
    wrongFamily(opened, 'vision.SiglipVision', 'SigLIP');
  }
  const vision = whole ? config.object('vision_config') : config;
  vision.only('vision_use_head', true);
  return {
    architecture: {
      imageSize: vision.side('image_size', 224),
      patchSize: vision.side('patch_size', 16),
      hiddenSize: vision.number('hidden_size', 768),
      numLayers: vision.number('num_hidden_layers', 12),
      numHeads: vision.number('num_attention_heads', 12),
      intermediateSize: vision.number('intermediate_size', 3072),
      activation: vision.choice('hidden_act', TRANSFORMERS_ACTIVATIONS, 'gelu_pytorch_tanh'),
      layerNormEps: vision.number('layer_norm_eps', 1e-6),
      inChannels: vision.number('num_channels', 3),
    },
    adapter: adapters.siglipVision,
  };
}
