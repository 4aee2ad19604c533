import type { Kinds } from '@diptych/core';
import { fromOptions } from '@diptych/nn';
import { BagOfTokens } from './bag-of-tokens.js';
import { bertFamily } from './bert/family.js';
import { clipFamily } from './clip/family.js';
import { siglipFamily } from './siglip/family.js';
import { SmallTransformer } from './small-transformer.js';
import type { TextFamily } from './text-family.js';

/** Every family of text encoders with checkpoints; a new one is a folder with a line here. */
export const FAMILIES: readonly TextFamily[] = [bertFamily, clipFamily, siglipFamily];

/** Builders of this package's parts by kind. */
export const kinds: Kinds = Object.assign(
  { 'text/bag-of-tokens': fromOptions(BagOfTokens), 'text/small-transformer': fromOptions(SmallTransformer) },
  ...FAMILIES.map((family) => family.kinds),
);
