import {
  type Context,
  checkOptions,
  checkPositive,
  type Encoded,
  type Fused,
  type Fusion,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { generatorOf, Mlp, Module } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { FusionOptions } from './fusion-options.js';
import { MissingModality } from './missing-modality.js';

/** Options of {@link ConcatMlpFusion}. */
export interface ConcatMlpFusionOptions extends FusionOptions {
  /** Width between the two layers, default 2 * embedDim. */
  readonly intermediateSize?: number;
  /** After the second layer, in training. Default 0. */
  readonly dropout?: number;
}

const OPTIONS: OptionNames<ConcatMlpFusionOptions> = {
  embedDim: 'required',
  intermediateSize: 'optional',
  dropout: 'optional',
  placeholders: 'optional',
  modalityDropout: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * The plain baseline: both pooled vectors side by side through two linear layers with GELU between, 2 embedDim -> intermediateSize ->
 * embedDim. It looks at nothing, so it gives no attention map.
 */
export class ConcatMlpFusion extends Module implements Fusion {
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

  /** Whether a modality may be missing (option `placeholders`). */
  get hasPlaceholders(): boolean {
    return this.missing.hasPlaceholders;
  }

  /**
   * @param image undefined where there is none (needs `placeholders`)
   * @param text undefined where there is none
   * @throws ShapeError if batches or widths differ
   */
  fuse(image: Encoded | undefined, text: Encoded | undefined, context: Context): Fused {
    const pair = this.missing.complete(image, text, context);
    const both = tf.concat([pair.image.pooled, pair.text.pooled], 1);
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
