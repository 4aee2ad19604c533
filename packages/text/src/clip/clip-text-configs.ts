import type { Architectures, OptionNames } from '@diptych/core';
import { TEXT_TRANSFORMER, type TextTransformerConfig } from '../text-transformer.js';

/** What {@link ClipTextConfig} may hold. */
const OPTIONS: OptionNames<ClipTextConfig> = {
  ...TEXT_TRANSFORMER,
  projectionDim: 'required',
  eosTokenId: 'optional',
};

/** Shape of CLIP's text tower. Defaults: activation `quick_gelu`, layerNormEps 1e-5. */
export interface ClipTextConfig extends TextTransformerConfig {
  /** Width that both towers are projected to. */
  readonly projectionDim: number;
  /** Id of the end token, whose first place in a row is pooled. Default: the last id of the vocabulary. */
  readonly eosTokenId?: number;
}

/** A name of {@link CLIP_TEXT_CONFIGS}. */
export type ClipTextName = keyof typeof CLIP_TEXT_CONFIGS;

const VOCABULARY = { vocabSize: 49408, maxPositions: 77 } as const;
const BASE = { ...VOCABULARY, hiddenSize: 512, numLayers: 12, numHeads: 8, projectionDim: 512 } as const;
const LARGE = { ...VOCABULARY, hiddenSize: 768, numLayers: 12, numHeads: 12, projectionDim: 768 } as const;

/** Published text towers by the name that the hub gives the model, without its organisation. */
export const CLIP_TEXT_CONFIGS = {
  'clip-vit-base-patch32': BASE,
  'clip-vit-base-patch16': BASE,
  'clip-vit-large-patch14': LARGE,
  'clip-vit-large-patch14-336': LARGE,
  'CLIP-ViT-H-14-laion2B-s32B-b79K': {
    ...VOCABULARY,
    hiddenSize: 1024,
    numLayers: 24,
    numHeads: 16,
    projectionDim: 1024,
    activation: 'gelu',
  },
} as const satisfies Record<string, ClipTextConfig>;

/** What ClipText may be asked to be. */
export const CLIP_TEXTS: Architectures<ClipTextName, ClipTextConfig> = {
  where: 'text.ClipText',
  table: CLIP_TEXT_CONFIGS,
  names: OPTIONS,
};
