import type { TokenTemplate } from './template.js';
import type { TokenModel } from './token-model.js';

/** Model and template of a tokenizer, and how it lays out rows. */
export interface BuiltTokenizer {
  readonly model: TokenModel;
  readonly template: TokenTemplate;
  readonly padTokenId: number;
  /** Longest row that the network takes. */
  readonly maxLength: number;
  readonly paddingSide: 'left' | 'right';
  /** Whether batches carry `tokenTypeIds`. */
  readonly tokenTypeIds: boolean;
}
