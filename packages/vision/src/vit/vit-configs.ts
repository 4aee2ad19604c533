import type { Architectures, OptionNames } from '@diptych/core';

/** What {@link ViTConfig} may hold. */
const OPTIONS: OptionNames<ViTConfig> = {
  patchSize: 'required',
  hiddenSize: 'required',
  numLayers: 'required',
  numHeads: 'required',
  intermediateSize: 'optional',
  imageSize: 'optional',
  pooling: 'optional',
  classToken: 'optional',
  layerNormEps: 'optional',
  inChannels: 'optional',
};

/** Shape of a ViT. */
export interface ViTConfig {
  /** Side of a square patch in pixels. */
  readonly patchSize: number;
  /** Width of the tokens. */
  readonly hiddenSize: number;
  /** Number of blocks. */
  readonly numLayers: number;
  readonly numHeads: number;
  /** Width inside a block's feed-forward part, default 4 * hiddenSize. */
  readonly intermediateSize?: number;
  /** Side of the pictures that the position embeddings are for, default 224. */
  readonly imageSize?: number;
  /** What `pooled` comes from: the class token (default) or the mean of the patch tokens. */
  readonly pooling?: 'cls' | 'mean';
  /** Has a class token, default true. */
  readonly classToken?: boolean;
  /** Of the normalisations, default 1e-6; transformers' ViT has 1e-12. */
  readonly layerNormEps?: number;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** A name of {@link VIT_CONFIGS}. */
export type ViTName = keyof typeof VIT_CONFIGS;

/**
 * timm's configurations by its names; the last number is the side of the pictures.
 *
 * Dosovitskiy et al., An Image is Worth 16x16 Words (2021), https://arxiv.org/abs/2010.11929; tiny and small: Touvron et
 * al., Training data-efficient image transformers (2021), https://arxiv.org/abs/2012.12877, whose DeiT networks without
 * distillation are the same.
 */
export const VIT_CONFIGS = {
  vit_tiny_patch16_224: { patchSize: 16, hiddenSize: 192, numLayers: 12, numHeads: 3 },
  vit_tiny_patch16_384: { patchSize: 16, hiddenSize: 192, numLayers: 12, numHeads: 3, imageSize: 384 },
  vit_small_patch32_224: { patchSize: 32, hiddenSize: 384, numLayers: 12, numHeads: 6 },
  vit_small_patch32_384: { patchSize: 32, hiddenSize: 384, numLayers: 12, numHeads: 6, imageSize: 384 },
  vit_small_patch16_224: { patchSize: 16, hiddenSize: 384, numLayers: 12, numHeads: 6 },
  vit_small_patch16_384: { patchSize: 16, hiddenSize: 384, numLayers: 12, numHeads: 6, imageSize: 384 },
  vit_base_patch32_224: { patchSize: 32, hiddenSize: 768, numLayers: 12, numHeads: 12 },
  vit_base_patch32_384: { patchSize: 32, hiddenSize: 768, numLayers: 12, numHeads: 12, imageSize: 384 },
  vit_base_patch16_224: { patchSize: 16, hiddenSize: 768, numLayers: 12, numHeads: 12 },
  vit_base_patch16_384: { patchSize: 16, hiddenSize: 768, numLayers: 12, numHeads: 12, imageSize: 384 },
  vit_base_patch8_224: { patchSize: 8, hiddenSize: 768, numLayers: 12, numHeads: 12 },
  vit_large_patch32_224: { patchSize: 32, hiddenSize: 1024, numLayers: 24, numHeads: 16 },
  vit_large_patch32_384: { patchSize: 32, hiddenSize: 1024, numLayers: 24, numHeads: 16, imageSize: 384 },
  vit_large_patch16_224: { patchSize: 16, hiddenSize: 1024, numLayers: 24, numHeads: 16 },
  vit_large_patch16_384: { patchSize: 16, hiddenSize: 1024, numLayers: 24, numHeads: 16, imageSize: 384 },
  vit_large_patch14_224: { patchSize: 14, hiddenSize: 1024, numLayers: 24, numHeads: 16 },
  vit_huge_patch14_224: { patchSize: 14, hiddenSize: 1280, numLayers: 32, numHeads: 16 },
  vit_base_patch16_gap_224: {
    patchSize: 16,
    hiddenSize: 768,
    numLayers: 12,
    numHeads: 12,
    pooling: 'mean',
    classToken: false,
  },
  deit_tiny_patch16_224: { patchSize: 16, hiddenSize: 192, numLayers: 12, numHeads: 3 },
  deit_small_patch16_224: { patchSize: 16, hiddenSize: 384, numLayers: 12, numHeads: 6 },
  deit_base_patch16_224: { patchSize: 16, hiddenSize: 768, numLayers: 12, numHeads: 12 },
  deit_base_patch16_384: { patchSize: 16, hiddenSize: 768, numLayers: 12, numHeads: 12, imageSize: 384 },
} as const satisfies Record<string, ViTConfig>;

/** What ViT may be asked to be. */
export const VITS: Architectures<ViTName, ViTConfig> = {
  where: 'vision.ViT',
  table: VIT_CONFIGS,
  names: OPTIONS,
};
