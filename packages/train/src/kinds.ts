import type { Fusion, Head, ImageEncoder, JsonObject, Kinds, PartDescription, TextEncoder } from '@diptych/core';
import { BlankGenerator, fromOptions, Linear } from '@diptych/nn';
import { HeadedTower, ImageFeatureHead, TextFeatureHead } from './frozen/feature-heads.js';
import { Classification } from './heads/classification.js';
import { Regression } from './heads/regression.js';
import { type Matcher, MultiModalEncoder, type MultiModalEncoderOptions } from './multi-modal-encoder.js';
import { Adafactor } from './optimizers/adafactor.js';
import { AdamW } from './optimizers/adamw.js';
import { optimizerOptions } from './optimizers/describe-optimizer.js';
import { Lion } from './optimizers/lion.js';
import { SGD } from './optimizers/sgd.js';

/** Builders of this package's parts by kind. */
export const kinds: Kinds = {
  'train/multi-modal-encoder': ({ image, text, fusion, matcher, heads, ...rest }, { build }) =>
    new MultiModalEncoder<Fusion | undefined>({
      ...(rest as Partial<MultiModalEncoderOptions<Fusion>>),
      image: build<ImageEncoder>(described(image)),
      text: build<TextEncoder>(described(text)),
      fusion: fusion ? build<Fusion>(described(fusion)) : undefined,
      matcher: typeof matcher === 'object' && matcher ? build<Matcher>(described(matcher)) : matcher === true,
      heads: Object.fromEntries(
        Object.entries(heads ?? {}).map(([name, head]) => [name, build<Head>(described(head))]),
      ),
      generator: new BlankGenerator(),
    }),
  'train/image-feature-head': fromOptions(ImageFeatureHead),
  'train/text-feature-head': fromOptions(TextFeatureHead),
  'train/classification': fromOptions(Classification),
  'train/regression': fromOptions(Regression),
  'train/adamw': (options) => new AdamW(optimizerOptions(options)),
  'train/lion': (options) => new Lion(optimizerOptions(options)),
  'train/sgd': (options) => new SGD(optimizerOptions(options)),
  'train/adafactor': (options) => new Adafactor(optimizerOptions(options)),
  'train/headed-tower': ({ tower, embedDim }, { build }) => {
    const inside = build<ImageEncoder>(described(tower));
    const head = new Linear(inside.embedDim, Number(embedDim), { generator: new BlankGenerator() });
    return new HeadedTower(inside, head);
  },
};

/** `build` checks what it gets. */
function described(value: JsonObject[string]): PartDescription {
  return value as unknown as PartDescription;
}
