import type { JsonObject } from '@diptych/core';

/** Longest row where a configuration does not say. */
const DEFAULT_MAX_LENGTH = 512;
/** A `model_max_length` from here on is none: transformers writes int(1e30) where a model has no limit. */
export const NO_LIMIT = 1e9;

/** How rows are cut and padded. */
export interface Layout {
  /** Longest row that the network takes. */
  readonly maxLength: number;
  readonly paddingSide: 'left' | 'right';
  /** Where tokens are cut off. */
  readonly truncationSide: 'left' | 'right';
}

/** What `tokenizer_config.json` says about layout, and what the class does where it says nothing. */
export function layoutSettings(
  config: JsonObject,
  ofClass: { readonly maxLength?: number; readonly paddingSide?: 'left' } = {},
): Layout {
  const { model_max_length: length = config.max_len, padding_side: padding, truncation_side: truncation } = config;
  const known = typeof length === 'number' && length >= 1 && length < NO_LIMIT;
  const side = padding ?? ofClass.paddingSide;
  return {
    maxLength: known ? Math.floor(length) : (ofClass.maxLength ?? DEFAULT_MAX_LENGTH),
    paddingSide: side === 'left' ? 'left' : 'right',
    truncationSide: truncation === 'left' ? 'left' : 'right',
  };
}
