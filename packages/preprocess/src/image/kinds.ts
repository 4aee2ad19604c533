import { type Kinds, registerKinds } from '@diptych/core';
import { imageTransformFromOptions } from './steps-from-options.js';

/** Builders of this entry's parts by kind. */
export const kinds: Kinds = {
  'preprocess/image-transform': (options, { build }) => imageTransformFromOptions(options, build),
};

// for worker threads, which import the package
registerKinds(kinds, '@diptych/preprocess/image');
