import { checkPositive } from '@diptych/core';
import { checkHeads } from '@diptych/nn';
import type { TextTransformerConfig } from './text-transformer.js';

/**
 * Checks the sizes of a tower.
 *
 * @throws ConfigError unless they are whole numbers above 0 and the heads divide the width
 */
export function checkTextTransformer(where: string, config: TextTransformerConfig): void {
  const { vocabSize, maxPositions, hiddenSize, numLayers, numHeads, intermediateSize = 1 } = config;
  const sizes = { vocabSize, maxPositions, hiddenSize, numLayers, intermediateSize };
  for (const [what, size] of Object.entries(sizes)) checkPositive(where, what, size);
  checkHeads(where, 'hiddenSize', hiddenSize, numHeads);
}
