export {
  type FromTransformersOptions,
  fromTransformers,
  type TransformersCallOptions,
  type TransformersEncoding,
  type TransformersTokenizer,
} from './from-transformers.js';
export { kinds } from './kinds.js';
export type { TokenizerSource } from './read-definition.js';
export { stripMarkup } from './strip-markup.js';
export {
  type DecodeTextOptions,
  type EncodeOptions,
  type RowOptions,
  type TextRow,
  TextTokenizer,
  type TokenRows,
} from './text-tokenizer.js';
export { captionTemplate, chooseCaption, type TextTransform } from './text-transforms.js';
export {
  type TokenizerOptions,
  tokenizer,
  tokenizerFromFolder,
  tokenizerFromOptions,
  tokenizerFromSource,
} from './tokenizer.js';
