import {
  type Context,
  checkOptions,
  checkPositive,
  type Fused,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { generatorOf, Mlp } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { FUSION, type FusionOptions } from './fusion-options.js';
import { MissingModality, type Pair } from './missing-modality.js';
import { PairFusion } from './pair-fusion.js';

/** Options of {@link ConcatMlpFusion}. */
export interface ConcatMlpFusionOptions extends FusionOptions {
  /** Width between the two layers, default 2 * embedDim. */
  readonly intermediateSize?: number;
  /** After the second layer, in training. Default 0. */
  readonly dropout?: number;
}

const OPTIONS: OptionNames<ConcatMlpFusionOptions> = {
  ...FUSION,
  intermediateSize: 'optional',
  dropout: 'optional',
};

/**
 * The plain baseline: both pooled vectors side by side through two linear layers with GELU between, 2 embedDim -> intermediateSize ->
 * embedDim. It looks at nothing, so it gives no attention map.
 */
export class ConcatMlpFusion extends PairFusion {
  readonly mlp: Mlp;
  readonly missing: MissingModality;
  readonly embedDim: number;
  readonly intermediateSize: number;

  /** @throws ConfigError if a size is not a whole number above 0 */
  constructor(options: ConcatMlpFusionOptions) {
    super();
    checkOptions('fusion.ConcatMlpFusion', options, OPTIONS);
    const { embedDim, intermediateSize = 2 * embedDim, dropout = 0 } = options;
    checkPositive('fusion.ConcatMlpFusion', 'embedDim', embedDim);
    checkPositive('fusion.ConcatMlpFusion', 'intermediateSize', intermediateSize);
    const generator = generatorOf(options, 'fusion/concat-mlp');
    this.embedDim = embedDim;
    this.intermediateSize = intermediateSize;
    this.mlp = new Mlp(2 * embedDim, { generator, intermediateSize, outFeatures: embedDim, dropout });
    this.missing = new MissingModality('fusion.ConcatMlpFusion', { ...options, generator });
  }

  protected override fusePair({ image, text }: Pair, context: Context): Fused {
    const both = tf.concat([image.pooled, text.pooled], 1);
    return { fused: this.mlp.forward(both, context) };
  }

  override describe(): PartDescription {
    const { embedDim, intermediateSize, mlp, missing } = this;
    return {
      kind: 'fusion/concat-mlp',
      options: { embedDim, intermediateSize, dropout: mlp.dropout.p, ...missing.describeOptions() },
    };
  }
}
