import {
  type BuildContext,
  buildPart,
  checkKinds,
  type Fusion,
  type ImageTransform,
  type Kinds,
  type PartDescription,
  type Tokenizer,
} from '@diptych/core';
import type { MultiModalEncoder } from '@diptych/train';
import { withCurrentOptions } from '@diptych/weights';
import { kinds } from './kinds.js';

/** Where the tokenizer's files are. */
export type TokenizerPlace = Pick<BuildContext, 'folder' | 'files'>;

/** What a saved model is made of. */
export interface DescribedParts {
  readonly model: PartDescription;
  readonly transform: PartDescription;
  readonly tokenizer: PartDescription;
}

/**
 * Builds the parts of a saved model, of today's or of before; the encoder's weights are not loaded yet.
 *
 * @param own builders for this call, which go before diptych's
 * @throws ConfigError that names every kind that nobody knows
 */
export function buildParts(described: DescribedParts, own: Kinds, place: TokenizerPlace) {
  const { transform, tokenizer } = described;
  const model = withCurrentOptions(described.model);
  const options = { where: 'diptych.load', kinds: { ...kinds, ...own }, ...place };
  checkKinds([transform, tokenizer, model], options);
  return {
    transform: buildPart<ImageTransform>(transform, options),
    tokenizer: buildPart<Tokenizer>(tokenizer, options),
    encoder: buildPart<MultiModalEncoder<Fusion | undefined>>(model, options),
  };
}
