import {
  type Context,
  checkOptions,
  checkPositive,
  type Fused,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { generatorOf, LayerNorm, normal, parameter } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { CrossAttentionBlock, type CrossAttentionSizes } from './cross-attention-block.js';
import { FUSION, type FusionOptions } from './fusion-options.js';
import { MissingModality, type Pair } from './missing-modality.js';
import { PairFusion } from './pair-fusion.js';
import { joinTokens, withPooledToken } from './tokens.js';

/** Options of {@link BottleneckFusion}. */
export interface BottleneckFusionOptions extends FusionOptions {
  /** Learned tokens through which everything has to pass, default 4. */
  readonly numLatents?: number;
  /** Default 2. */
  readonly numLayers?: number;
  /** Default 8. */
  readonly numHeads?: number;
  /** Width inside the feed-forward layers, default 4 * embedDim. */
  readonly intermediateSize?: number;
  /** On attention weights and after feed-forward layers, in training. Default 0. */
  readonly dropout?: number;
}

const OPTIONS: OptionNames<BottleneckFusionOptions> = {
  ...FUSION,
  numLatents: 'optional',
  numLayers: 'optional',
  numHeads: 'optional',
  intermediateSize: 'optional',
  dropout: 'optional',
};

/**
 * A few learned tokens that look at the patches and tokens of both modalities, layer after layer; their mean is the joint
 * vector (Nagrani et al. 2021, attention bottlenecks; Jaegle et al. 2021, Perceiver). Cost grows with the number
 * of latents times tokens, not with tokens squared.
 *
 * Masks are honoured. Attention maps: `layer0` [B, heads, latents, (1 + patches) + (1 + tokens)], and so on; the
 * first key of each side is its pooled vector.
 */
export class BottleneckFusion extends PairFusion {
  readonly latents: tf.Variable<tf.Rank.R2>;
  readonly layers: readonly CrossAttentionBlock[];
  readonly norm: LayerNorm;
  readonly missing: MissingModality;
  readonly embedDim: number;
  readonly sizes: CrossAttentionSizes;

  /** @throws ConfigError if a size makes no network */
  constructor(options: BottleneckFusionOptions) {
    super();
    checkOptions('fusion.BottleneckFusion', options, OPTIONS);
    const {
      embedDim,
      numLatents = 4,
      numLayers = 2,
      numHeads = 8,
      intermediateSize = 4 * embedDim,
      dropout = 0,
    } = options;
    for (const [what, value] of Object.entries({ embedDim, numLatents, numLayers, numHeads, intermediateSize })) {
      checkPositive('fusion.BottleneckFusion', what, value);
    }
    const generator = generatorOf(options, 'fusion/bottleneck');
    this.embedDim = embedDim;
    this.sizes = { embedDim, numHeads, intermediateSize, dropout };
    this.latents = parameter(normal(0.02)([numLatents, embedDim], generator));
    this.layers = Array.from({ length: numLayers }, () => new CrossAttentionBlock(this.sizes, generator));
    this.norm = new LayerNorm(embedDim);
    this.missing = new MissingModality('fusion.BottleneckFusion', { ...options, generator });
  }

  protected override fusePair(pair: Pair, context: Context): Fused {
    const seen = joinTokens(
      withPooledToken('fusion.BottleneckFusion: image', pair.image),
      withPooledToken('fusion.BottleneckFusion: text', pair.text),
    );
    const [batch] = seen.values.shape;
    const [count, width] = this.latents.shape;
    let latents: tf.Tensor3D = tf.tile(tf.reshape(this.latents, [1, count, width]), [batch, 1, 1]);
    const attention: Record<string, tf.Tensor4D> = {};
    for (const [i, layer] of this.layers.entries()) {
      const { x, map } = layer.forward(latents, seen, context);
      latents = x;
      attention[`layer${i}`] = map;
    }
    return { fused: tf.mean(this.norm.forward(latents), 1), attention };
  }

  override describe(): PartDescription {
    const { missing, sizes, layers, latents } = this;
    return {
      kind: 'fusion/bottleneck',
      options: {
        ...sizes,
        numLatents: latents.shape[0],
        numLayers: layers.length,
        ...missing.describeOptions(),
      },
    };
  }
}
