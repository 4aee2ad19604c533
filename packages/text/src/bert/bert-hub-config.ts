import { WeightsError } from '@diptych/core';
import { adapters, type NameAdapter } from '@diptych/weights';
import type { HubConfig } from '../hub-config.js';
import type { BertConfig } from './bert-configs.js';

/** How one kind of model writes its configuration and names its tensors. */
interface Family {
  readonly adapter: NameAdapter;
  readonly read: (config: HubConfig) => BertConfig;
}

const readBert = (config: HubConfig): BertConfig => ({
  vocabSize: config.number('vocab_size'),
  hiddenSize: config.number('hidden_size'),
  numHiddenLayers: config.number('num_hidden_layers'),
  numAttentionHeads: config.number('num_attention_heads'),
  intermediateSize: config.number('intermediate_size'),
  maxPositionEmbeddings: config.number('max_position_embeddings'),
  typeVocabSize: config.number('type_vocab_size', 2),
  hiddenAct: config.activation('hidden_act', 'gelu'),
  layerNormEps: config.number('layer_norm_eps', 1e-12),
  hiddenDropoutProb: config.number('hidden_dropout_prob', 0.1),
  attentionProbsDropoutProb: config.number('attention_probs_dropout_prob', 0.1),
  padTokenId: config.number('pad_token_id', 0),
});

const readRoberta = (config: HubConfig): BertConfig => ({
  ...readBert(config),
  padTokenId: config.number('pad_token_id', 1),
  positions: 'roberta',
});

const readDistilBert = (config: HubConfig): BertConfig => ({
  vocabSize: config.number('vocab_size'),
  hiddenSize: config.number(['dim', 'hidden_size']),
  numHiddenLayers: config.number(['n_layers', 'num_hidden_layers']),
  numAttentionHeads: config.number(['n_heads', 'num_attention_heads']),
  intermediateSize: config.number('hidden_dim'),
  maxPositionEmbeddings: config.number('max_position_embeddings'),
  typeVocabSize: 0,
  hiddenAct: config.activation('activation', 'gelu'),
  hiddenDropoutProb: config.number('dropout', 0.1),
  attentionProbsDropoutProb: config.number('attention_dropout', 0.1),
  padTokenId: config.number('pad_token_id', 0),
});

/** By `model_type`. */
const FAMILIES: Readonly<Record<string, Family>> = {
  bert: { adapter: adapters.bert, read: readBert },
  roberta: { adapter: adapters.roberta, read: readRoberta },
  'xlm-roberta': { adapter: adapters.roberta, read: readRoberta },
  camembert: { adapter: adapters.roberta, read: readRoberta },
  distilbert: { adapter: adapters.distilBert, read: readDistilBert },
};

/**
 * Reads a hub's config.json.
 *
 * @returns the architecture, and how the checkpoint's names become BertModel's
 * @throws WeightsError if it is another kind of model, or a field is missing
 */
export function readBertConfig(config: HubConfig): { architecture: BertConfig; adapter: NameAdapter } {
  const type = config.string('model_type', 'bert');
  const family = Object.hasOwn(FAMILIES, type) ? FAMILIES[type] : undefined;
  if (!family) {
    throw new WeightsError({
      where: config.where,
      expected: `model_type to be one of ${Object.keys(FAMILIES).join(', ')}`,
      got: type,
    });
  }
  const positions = config.string('position_embedding_type', 'absolute');
  if (positions !== 'absolute') {
    throw new WeightsError({ where: config.where, expected: "position_embedding_type 'absolute'", got: positions });
  }
  return { architecture: family.read(config), adapter: family.adapter };
}
