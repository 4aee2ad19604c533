import type { Architectures, OptionNames } from '@diptych/core';
import type { Activation } from '@diptych/nn';
import { VISION_TOWER, type VisionTowerConfig } from '../vision-tower.js';

/** What {@link SiglipVisionConfig} may hold. */
const OPTIONS: OptionNames<SiglipVisionConfig> = {
  ...VISION_TOWER,
  activation: 'optional',
  layerNormEps: 'optional',
};

/** Shape of SigLIP's vision tower, whose result is as wide as its tokens. */
export interface SiglipVisionConfig extends VisionTowerConfig {
  /** Default `gelu_tanh`. */
  readonly activation?: Activation;
  /** Of the normalisations, default 1e-6. */
  readonly layerNormEps?: number;
}

/** A name of {@link SIGLIP_VISION_CONFIGS}. */
export type SiglipVisionName = keyof typeof SIGLIP_VISION_CONFIGS;

const BASE = { patchSize: 16, hiddenSize: 768, numLayers: 12, numHeads: 12 } as const;
const LARGE = { patchSize: 16, hiddenSize: 1024, numLayers: 24, numHeads: 16 } as const;
const SO400M = { patchSize: 14, hiddenSize: 1152, numLayers: 27, numHeads: 16, intermediateSize: 4304 } as const;

/** Published vision towers by the name that the hub gives the model, without its organisation. */
export const SIGLIP_VISION_CONFIGS = {
  'siglip-base-patch16-224': { ...BASE, imageSize: 224 },
  'siglip-base-patch16-256': { ...BASE, imageSize: 256 },
  'siglip-base-patch16-384': { ...BASE, imageSize: 384 },
  'siglip-base-patch16-512': { ...BASE, imageSize: 512 },
  'siglip-large-patch16-256': { ...LARGE, imageSize: 256 },
  'siglip-large-patch16-384': { ...LARGE, imageSize: 384 },
  'siglip-so400m-patch14-224': { ...SO400M, imageSize: 224 },
  'siglip-so400m-patch14-384': { ...SO400M, imageSize: 384 },
} as const satisfies Record<string, SiglipVisionConfig>;

/** What SiglipVision may be asked to be. */
export const SIGLIP_VISIONS: Architectures<SiglipVisionName, SiglipVisionConfig> = {
  where: 'vision.SiglipVision',
  table: SIGLIP_VISION_CONFIGS,
  names: OPTIONS,
};
