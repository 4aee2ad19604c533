import type { Kinds } from '@diptych/core';
import { imageTransformFromOptions } from './steps-from-options.js';

/** Builders of this entry's parts by kind. */
export const kinds: Kinds = {
  'preprocess/image-transform': (options, { build }) => imageTransformFromOptions(options, build),
};
