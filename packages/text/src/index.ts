export { BagOfTokens, type BagOfTokensOptions } from './bag-of-tokens.js';
export { Bert, type BertFromPretrainedOptions, type BertOptions, type BertPooling } from './bert/bert.js';
export { BERT_CONFIGS, type BertConfig, type BertName } from './bert/bert-configs.js';
export { poolSequence, type SequencePooling } from './pooling.js';
export type { FromPretrainedOptions, Pretrained } from './pretrained.js';
