import type { TokenBatch } from './batches.js';
import type { PartDescription } from './description.js';

/** How a call lays out its token ids. */
export interface TokenizeOptions {
  /** `longest` pads to the longest text of the call, `max_length` to `maxLength`. */
  readonly padding?: 'longest' | 'max_length';
  /** Most tokens of a row, special tokens included; longer texts are cut (`truncation`). */
  readonly maxLength?: number;
  /** Cut longer texts to `maxLength` (true), or throw an InputError (false). */
  readonly truncation?: boolean;
  /** Rounds the padded length up, so that engines compile few shapes. */
  readonly padToMultipleOf?: number;
}

/** Turns texts into token ids. */
export interface Tokenizer {
  readonly vocabSize: number;
  readonly padTokenId: number;
  /** Longest row that the tokenizer gives. */
  readonly maxLength: number;
  /**
   * @param texts one string a row, or [first, second] for a pair of segments
   * @returns arrays of shape [texts.length, length]
   */
  encode(texts: readonly (string | readonly [string, string])[], options?: TokenizeOptions): TokenBatch;
  /** How to build the same tokenizer elsewhere: in a worker, or from a checkpoint. */
  describe(): PartDescription;
}
