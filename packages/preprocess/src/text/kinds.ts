import type { Kinds } from '@diptych/core';
import { tokenizerFromOptions } from './tokenizer.js';

/** Builders of this entry's parts by kind. */
export const kinds: Kinds = {
  'preprocess/tokenizer': (options, { folder }) => tokenizerFromOptions(options, folder),
};
