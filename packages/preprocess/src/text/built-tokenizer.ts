import type { Layout } from './settings.js';
import type { TokenTemplate } from './template.js';
import type { TokenModel } from './token-model.js';

/** Model and template of a tokenizer, and how it lays out rows. */
export interface BuiltTokenizer extends Layout {
  readonly model: TokenModel;
  readonly template: TokenTemplate;
  readonly padTokenId: number;
  /** Whether batches carry `tokenTypeIds`. */
  readonly tokenTypeIds: boolean;
}
