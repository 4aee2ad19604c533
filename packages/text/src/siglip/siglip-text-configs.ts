import type { Architectures, OptionNames } from '@diptych/core';
import { TEXT_TRANSFORMER, type TextTransformerConfig } from '../text-transformer.js';

/** What {@link SiglipTextConfig} may hold. */
const OPTIONS: OptionNames<SiglipTextConfig> = {
  ...TEXT_TRANSFORMER,
  projectionDim: 'optional',
};

/** Shape of SigLIP's text tower. Defaults: activation `gelu_tanh`, layerNormEps 1e-6. */
export interface SiglipTextConfig extends TextTransformerConfig {
  /** Width of the result, default hiddenSize. */
  readonly projectionDim?: number;
}

/** A name of {@link SIGLIP_TEXT_CONFIGS}. */
export type SiglipTextName = keyof typeof SIGLIP_TEXT_CONFIGS;

const VOCABULARY = { vocabSize: 32000, maxPositions: 64 } as const;
const BASE = { ...VOCABULARY, hiddenSize: 768, numLayers: 12, numHeads: 12 } as const;
const LARGE = { ...VOCABULARY, hiddenSize: 1024, numLayers: 24, numHeads: 16 } as const;
const SO400M = { ...VOCABULARY, hiddenSize: 1152, numLayers: 27, numHeads: 16, intermediateSize: 4304 } as const;

/** Published text towers by the name that the hub gives the model, without its organisation. */
export const SIGLIP_TEXT_CONFIGS = {
  'siglip-base-patch16-224': BASE,
  'siglip-base-patch16-256': BASE,
  'siglip-base-patch16-384': BASE,
  'siglip-base-patch16-512': BASE,
  'siglip-large-patch16-256': LARGE,
  'siglip-large-patch16-384': LARGE,
  'siglip-so400m-patch14-224': { ...SO400M, maxPositions: 16 },
  'siglip-so400m-patch14-384': SO400M,
} as const satisfies Record<string, SiglipTextConfig>;

/** What SiglipText may be asked to be. */
export const SIGLIP_TEXTS: Architectures<SiglipTextName, SiglipTextConfig> = {
  where: 'text.SiglipText',
  table: SIGLIP_TEXT_CONFIGS,
  names: OPTIONS,
};
