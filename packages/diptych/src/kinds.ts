import type { Kinds } from '@diptych/core';
import { kinds as fusions } from '@diptych/fusion';
import { kinds as transforms } from '@diptych/preprocess/image';
import { kinds as tokenizers } from '@diptych/preprocess/text';
import { kinds as textEncoders } from '@diptych/text';
import { kinds as models } from '@diptych/train';
import { kinds as imageEncoders } from '@diptych/vision';

/** Builders of every part of diptych's packages, by kind; parts of your own go beside them with `registerKinds`. */
export const kinds: Kinds = {
  ...transforms,
  ...tokenizers,
  ...imageEncoders,
  ...textEncoders,
  ...fusions,
  ...models,
};
