import { checkPositive } from '@diptych/core';
import { type Activation, type Generator, normal, PreNormBlocks } from '@diptych/nn';
import { checkDivides } from './encoder-options.js';

/** The sizes that CLIP's and SigLIP's vision towers have in common. */
export interface VisionTowerConfig {
  /** Side of the pictures in pixels. */
  readonly imageSize: number;
  /** Side of a square patch in pixels; pixels beyond the last whole patch are not seen. */
  readonly patchSize: number;
  /** Width of the tokens. */
  readonly hiddenSize: number;
  /** Number of blocks. */
  readonly numLayers: number;
  readonly numHeads: number;
  /** Width inside a block's feed-forward part, default 4 * hiddenSize. */
  readonly intermediateSize?: number;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** What the two families do not agree on. */
export interface VisionTowerDefaults {
  readonly activation: Activation;
  readonly layerNormEps: number;
}

/**
 * Checks the sizes of a tower.
 *
 * @throws ConfigError if one is no whole number above 0, or the heads do not divide the width
 */
export function checkVisionTower(where: string, config: VisionTowerConfig, embedDim: number): void {
  const { imageSize, patchSize, hiddenSize, numLayers, numHeads, inChannels = 3 } = config;
  const sizes = { patchSize, hiddenSize, numLayers, numHeads, inChannels, imageSize, embedDim };
  for (const [what, value] of Object.entries(sizes)) checkPositive(where, what, value);
  checkDivides(where, 'numHeads', numHeads, 'hiddenSize', hiddenSize);
}

/** Patches along a side of the pictures. */
export function gridSizeOf({ imageSize, patchSize }: VisionTowerConfig): number {
  return Math.floor(imageSize / patchSize);
}

/** The blocks of CLIP's and SigLIP's towers. */
export function towerBlocks(
  config: VisionTowerConfig,
  defaults: VisionTowerDefaults,
  generator: Generator,
): PreNormBlocks {
  const { hiddenSize, numHeads, intermediateSize, numLayers } = config;
  return new PreNormBlocks(numLayers, {
    generator,
    hiddenSize,
    numHeads,
    intermediateSize,
    ...defaults,
    init: normal(0.02),
  });
}
