import type { JsonObject } from '@diptych/core';

/** Files that a tokenizer may be described by, as transformers names them. */
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'config.json',
] as const;

/** Names of SentencePiece models, in the order in which they are looked for. */
export const SENTENCEPIECE_FILES = [
  'tokenizer.model',
  'sentencepiece.bpe.model',
  'spiece.model',
  'spm.model',
  'sentencepiece.model',
] as const;

export type TokenizerFile = (typeof TOKENIZER_FILES)[number];

/** Everything that a tokenizer is built from. */
export interface TokenizerDefinition {
  /** Texts of the files that exist. */
  readonly files: { readonly [name in TokenizerFile]?: string };
  /** Settings that go before those of `tokenizer_config.json`. */
  readonly overrides: JsonObject;
  /** The SentencePiece model, where it is what holds the vocabulary. */
  readonly sentencePiece?: { readonly name: string; readonly bytes: Uint8Array };
  /** Where the files were read from. */
  readonly path?: string;
}

/** True for a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
