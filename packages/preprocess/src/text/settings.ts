import type { Json, JsonObject } from '@diptych/core';
import { isObject } from './definition.js';

/** Longest row where a configuration does not say. */
const DEFAULT_MAX_LENGTH = 512;
/** transformers writes int(1e30) where a model has no limit. */
const NO_LIMIT = 1e9;

/** What `tokenizer_config.json` says about layout. */
export function layoutSettings(config: JsonObject): { maxLength: number; paddingSide: 'left' | 'right' } {
  const { model_max_length: length, padding_side: side } = config;
  const known = typeof length === 'number' && length > 0 && length < NO_LIMIT;
  return { maxLength: known ? length : DEFAULT_MAX_LENGTH, paddingSide: side === 'left' ? 'left' : 'right' };
}

/** A token of a configuration: a string, or an object with `content`. */
export function tokenText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value.content === 'string' ? value.content : undefined;
}
