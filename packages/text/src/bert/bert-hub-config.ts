import { TRANSFORMERS_ACTIVATIONS } from '@diptych/nn';
import { adapters, type HubConfig, type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import type { BertConfig } from './bert-configs.js';

/** How one kind of model writes its configuration and names its tensors. */
interface Family {
  readonly adapter: NameAdapter;
  readonly read: (config: HubConfig) => BertConfig;
}

// Fields that equal the defaults of transformers' classes may be left out.

const readBert = (config: HubConfig, vocabSize = 30522): BertConfig => ({
  vocabSize: config.number('vocab_size', vocabSize),
  hiddenSize: config.number('hidden_size', 768),
  numLayers: config.number('num_hidden_layers', 12),
  numHeads: config.number('num_attention_heads', 12),
  intermediateSize: config.number('intermediate_size', 3072),
  maxPositions: config.number('max_position_embeddings', 512),
  typeVocabSize: config.number('type_vocab_size', 2),
  activation: config.choice('hidden_act', TRANSFORMERS_ACTIVATIONS, 'gelu'),
  layerNormEps: config.number('layer_norm_eps', 1e-12),
  dropout: config.number('hidden_dropout_prob', 0.1),
  attentionDropout: config.number('attention_probs_dropout_prob', 0.1),
  padTokenId: config.number('pad_token_id', 0),
});

const readRoberta = (config: HubConfig, vocabSize = 30522): BertConfig => ({
  ...readBert(config, vocabSize),
  padTokenId: config.number('pad_token_id', 1),
  positions: 'roberta',
});

const readDistilBert = (config: HubConfig): BertConfig => ({
  vocabSize: config.number('vocab_size', 30522),
  hiddenSize: config.number(['dim', 'hidden_size'], 768),
  numLayers: config.number(['n_layers', 'num_hidden_layers'], 6),
  numHeads: config.number(['n_heads', 'num_attention_heads'], 12),
  intermediateSize: config.number('hidden_dim', 3072),
  maxPositions: config.number('max_position_embeddings', 512),
  typeVocabSize: 0,
  activation: config.choice('activation', TRANSFORMERS_ACTIVATIONS, 'gelu'),
  dropout: config.number('dropout', 0.1),
  attentionDropout: config.number('attention_dropout', 0.1),
  padTokenId: config.number('pad_token_id', 0),
});

/** By `model_type`. */
const FAMILIES: Readonly<Record<string, Family>> = {
  bert: { adapter: adapters.bert, read: (config) => readBert(config) },
  roberta: { adapter: adapters.roberta, read: (config) => readRoberta(config, 50265) },
  'xlm-roberta': { adapter: adapters.roberta, read: (config) => readRoberta(config) },
  camembert: { adapter: adapters.roberta, read: (config) => readRoberta(config) },
  distilbert: { adapter: adapters.distilBert, read: readDistilBert },
};

/** `model_type`s that are read. */
export const BERT_MODEL_TYPES: readonly string[] = Object.keys(FAMILIES);

/**
 * Which network a checkpoint is for, and how its names become BertModel's.
 *
 * @throws ConfigError if it is another kind of model, WeightsError if a field cannot be followed
 */
export function bertOf(opened: OpenedCheckpoint): { architecture: BertConfig; adapter: NameAdapter } {
  const { config, library, architecture } = opened;
  const known = library === 'transformers' && Object.hasOwn(FAMILIES, architecture);
  if (!known) wrongFamily(opened, 'text.Bert', `${BERT_MODEL_TYPES.join(', ')}`);
  config.only('position_embedding_type', 'absolute');
  const { read, adapter } = FAMILIES[architecture]!;
  return { architecture: read(config), adapter };
}
