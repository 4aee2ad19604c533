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
import { generatorOf, l2Normalize, MultiheadAttention } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { FUSION, type FusionOptions } from './fusion-options.js';
import { MissingModality } from './missing-modality.js';

/** Options of {@link AttentionFusion}. */
export interface AttentionFusionOptions extends FusionOptions {
  /** Default 8. */
  readonly numHeads?: number;
  /** On the attention weights, in training. Default 0. */
  readonly dropout?: number;
  /**
   * Scales both vectors to length sqrt(embedDim) first. For towers trained with a cosine loss, whose lengths mean
   * nothing: without it a matcher on top may not learn at all. Default false.
   */
  readonly normalize?: boolean;
}

const OPTIONS: OptionNames<AttentionFusionOptions> = {
  ...FUSION,
  numHeads: 'optional',
  dropout: 'optional',
  normalize: 'optional',
};

/**
 * The reference system's fusion: the two pooled vectors as two tokens through self-attention, the picture's token out.
 *
 * `stack([image, text], 1) -> MultiheadAttention -> [:, 0]` (Vaswani et al. 2017). It is a `MultiheadAttention`, so its
 * parameters have the reference's names: `in_proj_weight`, `in_proj_bias`, `out_proj.weight`, `out_proj.bias`.
 *
 * Attention map `pair`, `[B, heads, 2, 2]`: queries and keys are picture, text.
 */
export class AttentionFusion extends MultiheadAttention implements Fusion {
  readonly missing: MissingModality;
  readonly normalize: boolean;

  /** @throws ConfigError if the heads do not divide embedDim */
  constructor(options: AttentionFusionOptions) {
    checkOptions('fusion.AttentionFusion', options, OPTIONS);
    const { embedDim, numHeads = 8, dropout = 0, normalize = false } = options;
    checkPositive('fusion.AttentionFusion', 'embedDim', embedDim);
    const generator = generatorOf(options, 'fusion/attention');
    super(embedDim, numHeads, { generator, dropout });
    this.normalize = normalize;
    this.missing = new MissingModality('fusion.AttentionFusion', { ...options, generator });
  }

  /** Whether a modality may be missing (option `placeholders`). */
  get hasPlaceholders(): boolean {
    return this.missing.hasPlaceholders;
  }

  /**
   * @param image undefined where there is none (needs `placeholders`)
   * @param text undefined where there is none
   * @throws ShapeError if the two are not [B, embedDim] of one batch
   */
  fuse(image: Encoded | undefined, text: Encoded | undefined, context: Context): Fused {
    const pair = this.missing.complete(image, text, context);
    const tokens = [pair.image.pooled, pair.text.pooled].map((vector) =>
      this.normalize ? tf.mul(l2Normalize(vector), Math.sqrt(this.embedDim)) : vector,
    );
    const both = tf.stack(tokens, 1) as tf.Tensor3D; // [B, 2, D]
    const { output, weights } = this.forward(both, both, both, { averageWeights: false }, context);
    const [batch] = both.shape;
    const fused: tf.Tensor2D = tf.reshape(tf.slice(output, [0, 0, 0], [batch, 1, this.embedDim]), [
      batch,
      this.embedDim,
    ]);
    return { fused, attention: { pair: weights } };
  }

  override describe(): PartDescription {
    const { embedDim, numHeads, normalize, missing } = this;
    return {
      kind: 'fusion/attention',
      options: { embedDim, numHeads, dropout: this.dropout.p, normalize, ...missing.describeOptions() },
    };
  }
}
