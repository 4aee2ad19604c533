import type { Kinds, TextEncoder } from '@diptych/core';
import type { Pretrained, WeightSource } from '@diptych/weights';
import type { TextPretrainedOptions } from './token-table.js';

/** What the package has to know of a folder with a network: `families.ts` lists them. */
export interface TextFamily {
  /** How its networks are built again from their descriptions. */
  readonly kinds: Kinds;
  /** transformers' model types that it loads. */
  readonly modelTypes: readonly string[];
  readonly fromPretrained: (model: WeightSource, options: TextPretrainedOptions) => Promise<TextEncoder & Pretrained>;
}
