import { checkPositive, resolveArchitecture } from '@diptych/core';
import { checkHeads } from '@diptych/nn';
import { BERTS, type BertConfig, type BertName } from './bert-configs.js';

/** A configuration with its defaults filled in. */
export type ResolvedBertConfig = Required<BertConfig>;

/**
 * Looks a name up, fills in defaults and checks the sizes.
 *
 * @throws ConfigError for an unknown name or sizes that make no model
 */
export function resolveBertConfig(asked: BertName | BertConfig) {
  const { where } = BERTS;
  const { architecture, config } = resolveArchitecture(asked, BERTS);
  const resolved: ResolvedBertConfig = {
    vocabSize: config.vocabSize,
    hiddenSize: config.hiddenSize,
    numLayers: config.numLayers,
    numHeads: config.numHeads,
    intermediateSize: config.intermediateSize,
    maxPositions: config.maxPositions,
    typeVocabSize: config.typeVocabSize ?? 2,
    activation: config.activation ?? 'gelu',
    layerNormEps: config.layerNormEps ?? 1e-12,
    dropout: config.dropout ?? 0.1,
    attentionDropout: config.attentionDropout ?? 0.1,
    padTokenId: config.padTokenId ?? 0,
    positions: config.positions ?? 'absolute',
  };
  const { vocabSize, hiddenSize, numLayers, intermediateSize, maxPositions } = resolved;
  const sizes = { vocabSize, hiddenSize, numLayers, intermediateSize, maxPositions };
  for (const [what, size] of Object.entries(sizes)) checkPositive(where, what, size);
  checkHeads(where, 'hiddenSize', hiddenSize, resolved.numHeads);
  return { architecture, config: resolved };
}

/** Longest row of tokens that the position table has room for. */
export function longestRow({ maxPositions, positions, padTokenId }: ResolvedBertConfig): number {
  return positions === 'roberta' ? maxPositions - padTokenId - 1 : maxPositions;
}
