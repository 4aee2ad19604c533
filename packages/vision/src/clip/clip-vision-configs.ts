import type { Architectures, OptionNames } from '@diptych/core';
import type { Activation } from '@diptych/nn';
import { VISION_TOWER, type VisionTowerConfig } from '../vision-tower.js';

/** What {@link ClipVisionConfig} may hold. */
const OPTIONS: OptionNames<ClipVisionConfig> = {
  ...VISION_TOWER,
  projectionDim: 'required',
  activation: 'optional',
  layerNormEps: 'optional',
};

/** Shape of CLIP's vision tower. */
export interface ClipVisionConfig extends VisionTowerConfig {
  /** Width that both towers are projected to. */
  readonly projectionDim: number;
  /** Default `quick_gelu`, as OpenAI trained; LAION's larger networks have `gelu`. */
  readonly activation?: Activation;
  /** Of the normalisations, default 1e-5. */
  readonly layerNormEps?: number;
}

/** A name of {@link CLIP_VISION_CONFIGS}. */
export type ClipVisionName = keyof typeof CLIP_VISION_CONFIGS;

/** Published vision towers by the name that the hub gives the model, without its organisation. */
export const CLIP_VISION_CONFIGS = {
  'clip-vit-base-patch32': {
    imageSize: 224,
    patchSize: 32,
    hiddenSize: 768,
    numLayers: 12,
    numHeads: 12,
    projectionDim: 512,
  },
  'clip-vit-base-patch16': {
    imageSize: 224,
    patchSize: 16,
    hiddenSize: 768,
    numLayers: 12,
    numHeads: 12,
    projectionDim: 512,
  },
  'clip-vit-large-patch14': {
    imageSize: 224,
    patchSize: 14,
    hiddenSize: 1024,
    numLayers: 24,
    numHeads: 16,
    projectionDim: 768,
  },
  'clip-vit-large-patch14-336': {
    imageSize: 336,
    patchSize: 14,
    hiddenSize: 1024,
    numLayers: 24,
    numHeads: 16,
    projectionDim: 768,
  },
  'CLIP-ViT-H-14-laion2B-s32B-b79K': {
    imageSize: 224,
    patchSize: 14,
    hiddenSize: 1280,
    numLayers: 32,
    numHeads: 16,
    projectionDim: 1024,
    activation: 'gelu',
  },
} as const satisfies Record<string, ClipVisionConfig>;

/** What ClipVision may be asked to be. */
export const CLIP_VISIONS: Architectures<ClipVisionName, ClipVisionConfig> = {
  where: 'vision.ClipVision',
  table: CLIP_VISION_CONFIGS,
  names: OPTIONS,
};
