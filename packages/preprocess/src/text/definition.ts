import type { JsonObject } from '@diptych/core';

/** Everything that a tokenizer is built from: the text of one vocabulary file, and settings. */
export interface TokenizerDefinition {
  readonly file: 'vocab.txt' | 'tokenizer.json';
  /** Text of the file. */
  readonly content: string;
  /** Contents of `tokenizer_config.json`; empty where there is none. */
  readonly config: JsonObject;
  /** Where the file was read from. */
  readonly path?: string;
}

/** True for a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
