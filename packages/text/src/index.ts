export { BagOfTokens, type BagOfTokensOptions } from './bag-of-tokens.js';
export { Bert, type BertFromPretrainedOptions, type BertOptions, type BertPooling } from './bert/bert.js';
export { BERT_CONFIGS, type BertConfig, type BertName } from './bert/bert-configs.js';
export type { BertDenseOptions } from './bert/bert-dense.js';
export {
  ClipText,
  type ClipTextFromPretrainedOptions,
  type ClipTextOptions,
} from './clip/clip-text.js';
export { CLIP_TEXT_CONFIGS, type ClipTextConfig, type ClipTextName } from './clip/clip-text-configs.js';
export { poolSequence, type SequencePooling } from './pooling.js';
export type { FromPretrainedOptions, Pretrained, TokenizerSettings } from './pretrained.js';
export {
  SiglipText,
  type SiglipTextFromPretrainedOptions,
  type SiglipTextOptions,
} from './siglip/siglip-text.js';
export { SIGLIP_TEXT_CONFIGS, type SiglipTextConfig, type SiglipTextName } from './siglip/siglip-text-configs.js';
export { SmallTransformer, type SmallTransformerOptions } from './small-transformer.js';
export type { TextTransformerConfig } from './text-transformer.js';
export { type TokenVectors, type TokenVectorsOptions, tokenVectors } from './word-vectors.js';
