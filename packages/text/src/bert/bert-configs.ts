import type { Architectures, OptionNames } from '@diptych/core';
import type { Activation } from '@diptych/nn';

/** What {@link BertConfig} may hold. */
const OPTIONS: OptionNames<BertConfig> = {
  vocabSize: 'required',
  hiddenSize: 'required',
  numLayers: 'required',
  numHeads: 'required',
  intermediateSize: 'required',
  maxPositions: 'required',
  typeVocabSize: 'optional',
  activation: 'optional',
  layerNormEps: 'optional',
  dropout: 'optional',
  attentionDropout: 'optional',
  padTokenId: 'optional',
  positions: 'optional',
};

/** Sizes and habits of a BERT-like encoder. */
export interface BertConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  /** Rows of the position table. */
  readonly maxPositions: number;
  /** Rows of the segment table; 0 leaves it out, as DistilBERT does. Default 2. */
  readonly typeVocabSize?: number;
  /** Default `gelu` (with erf). */
  readonly activation?: Activation;
  /** Default 1e-12. */
  readonly layerNormEps?: number;
  /** Dropout on embeddings and on the output of each part of a layer. Default 0.1. */
  readonly dropout?: number;
  /** Dropout on attention weights. Default 0.1. */
  readonly attentionDropout?: number;
  /** Its embedding gets no gradient. Default 0. */
  readonly padTokenId?: number;
  /**
   * How positions are counted: `absolute` from 0 (default); `roberta` from padTokenId + 1 over the tokens that are not
   * padding, so that `padTokenId + 1` rows of the table are not positions of tokens.
   */
  readonly positions?: 'absolute' | 'roberta';
}

/** Architectures by the names of their best-known checkpoints. */
export type BertName = keyof typeof BERT_CONFIGS;

const BASE = { hiddenSize: 768, numLayers: 12, numHeads: 12, intermediateSize: 3072 } as const;
const LARGE = { hiddenSize: 1024, numLayers: 24, numHeads: 16, intermediateSize: 4096 } as const;
const UNCASED = { vocabSize: 30522, maxPositions: 512 } as const;
const CASED = { vocabSize: 28996, maxPositions: 512 } as const;
const ROBERTA = {
  vocabSize: 50265,
  maxPositions: 514,
  typeVocabSize: 1,
  layerNormEps: 1e-5,
  padTokenId: 1,
  positions: 'roberta',
} as const;
const MINILM = { ...UNCASED, hiddenSize: 384, numHeads: 12, intermediateSize: 1536 } as const;

/**
 * BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019), DistilBERT (Sanh et al. 2019), MiniLM (Wang et al. 2020): sizes
 * of the published checkpoints' config.json.
 */
export const BERT_CONFIGS = {
  'bert-base-uncased': { ...UNCASED, ...BASE },
  'bert-base-cased': { ...CASED, ...BASE },
  'bert-base-multilingual-cased': { ...BASE, vocabSize: 119547, maxPositions: 512 },
  'bert-large-uncased': { ...UNCASED, ...LARGE },
  'bert-large-cased': { ...CASED, ...LARGE },
  'distilbert-base-uncased': { ...UNCASED, ...BASE, numLayers: 6, typeVocabSize: 0 },
  'distilbert-base-cased': { ...CASED, ...BASE, numLayers: 6, typeVocabSize: 0 },
  'roberta-base': { ...ROBERTA, ...BASE },
  'roberta-large': { ...ROBERTA, ...LARGE },
  'all-MiniLM-L6-v2': { ...MINILM, numLayers: 6 },
  'all-MiniLM-L12-v2': { ...MINILM, numLayers: 12 },
} satisfies Record<string, BertConfig>;

/** What Bert may be asked to be. */
export const BERTS: Architectures<BertName, BertConfig> = {
  where: 'text.Bert',
  table: BERT_CONFIGS,
  names: OPTIONS,
};
