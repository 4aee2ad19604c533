export { type DecodeOptions, type EncodeOptions, type TextRow, TextTokenizer } from './text-tokenizer.js';
export { type TokenizerOptions, tokenizer, tokenizerFromFolder, tokenizerFromOptions } from './tokenizer.js';
