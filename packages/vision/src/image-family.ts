import type { ImageEncoder, Kinds } from '@diptych/core';
import type { RandomWeights } from '@diptych/nn';
import type { Pretrained, PretrainedOptions, WeightSource } from '@diptych/weights';

/** What the package has to know of a folder with a network: `families.ts` lists them. */
export interface ImageFamily {
  /** For messages. */
  readonly title: string;
  /** How its networks are built again from their descriptions. */
  readonly kinds: Kinds;
  /** timm's architectures and transformers' model types that it loads; none for a network without checkpoints. */
  readonly architectures?: RegExp;
  readonly fromPretrained?: (
    model: WeightSource,
    options: PretrainedOptions & RandomWeights,
  ) => Promise<ImageEncoder & Pretrained>;
}
