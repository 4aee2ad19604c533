import type { NameAdapter } from '../adapter.js';

/** Position numbers that old checkpoints hold as a tensor; they are 0, 1, 2, … */
const POSITION_IDS = /(^|\.)embeddings\.position_ids$/;

/**
 * BERT checkpoints of every age, to the names of transformers' BertModel: with or without the prefix `bert.`, layer
 * norms with `gamma` and `beta` as TensorFlow named them (only there: other layers may own such names), and without the
 * pre-training heads `cls.*`. MiniLM and other sentence-transformers have these names too.
 */
export const bert: NameAdapter = {
  rules: [
    { from: /^bert\./, to: '' },
    { from: /LayerNorm\.gamma$/, to: 'LayerNorm.weight' },
    { from: /LayerNorm\.beta$/, to: 'LayerNorm.bias' },
  ],
  ignore: [/^cls\./, POSITION_IDS],
};

/** DistilBERT to BertModel's names. It has neither token types nor a pooler. */
export const distilBert: NameAdapter = {
  rules: [
    { from: /^distilbert\./, to: '' },
    { from: /^transformer\.layer\./, to: 'encoder.layer.' },
    { from: /\.attention\.q_lin\./, to: '.attention.self.query.' },
    { from: /\.attention\.k_lin\./, to: '.attention.self.key.' },
    { from: /\.attention\.v_lin\./, to: '.attention.self.value.' },
    { from: /\.attention\.out_lin\./, to: '.attention.output.dense.' },
    { from: /\.sa_layer_norm\./, to: '.attention.output.LayerNorm.' },
    { from: /\.ffn\.lin1\./, to: '.intermediate.dense.' },
    { from: /\.ffn\.lin2\./, to: '.output.dense.' },
    { from: /\.output_layer_norm\./, to: '.output.LayerNorm.' },
  ],
  ignore: [/^vocab_(transform|layer_norm|projector)\./, POSITION_IDS],
};

/** RoBERTa and XLM-RoBERTa to BertModel's names. */
export const roberta: NameAdapter = {
  rules: [{ from: /^roberta\./, to: '' }],
  ignore: [/^lm_head\./, POSITION_IDS],
};
