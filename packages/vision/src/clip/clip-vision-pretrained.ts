import { TRANSFORMERS_ACTIVATIONS } from '@diptych/nn';
import { adapters, type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import type { ClipVisionConfig } from './clip-vision-configs.js';

/** Which vision tower a checkpoint of CLIPModel, or of its vision half, holds. */
export function clipVisionOf(opened: OpenedCheckpoint): { architecture: ClipVisionConfig; adapter: NameAdapter } {
  const { config, library, architecture } = opened;
  const whole = architecture === 'clip';
  if (library !== 'transformers' || !(whole || architecture === 'clip_vision_model')) {
    wrongFamily(opened, 'vision.ClipVision', 'CLIP');
  }
  const vision = whole ? config.tower('vision') : config;
  return {
    architecture: {
      imageSize: vision.side('image_size', 224),
      patchSize: vision.side('patch_size', 32),
      hiddenSize: vision.number('hidden_size', 768),
      numLayers: vision.number('num_hidden_layers', 12),
      numHeads: vision.number('num_attention_heads', 12),
      intermediateSize: vision.number('intermediate_size', 3072),
      projectionDim: config.number('projection_dim', 512),
      activation: vision.choice('hidden_act', TRANSFORMERS_ACTIVATIONS, 'quick_gelu'),
      layerNormEps: vision.number('layer_norm_eps', 1e-5),
      inChannels: vision.number('num_channels', 3),
    },
    adapter: adapters.clipVision,
  };
}
