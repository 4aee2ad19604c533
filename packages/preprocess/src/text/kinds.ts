import { type Kinds, registerKinds } from '@diptych/core';
import { tokenizerFromOptions } from './tokenizer.js';

/** Builders of this entry's parts by kind. */
export const kinds: Kinds = {
  'preprocess/tokenizer': (options, { folder, files }) =>
    tokenizerFromOptions(files ? { ...options, files } : options, folder),
};

// for worker threads, which import the package
registerKinds(kinds, '@diptych/preprocess/text');
