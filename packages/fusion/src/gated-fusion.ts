import { checkOptions, checkPositive, type Fused, type PartDescription } from '@diptych/core';
import { generatorOf, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { FUSION, type FusionOptions } from './fusion-options.js';
import { MissingModality, type Pair } from './missing-modality.js';
import { PairFusion } from './pair-fusion.js';

/** Options of {@link GatedFusion}. */
export type GatedFusionOptions = FusionOptions;

/**
 * Gated multimodal unit (Arevalo et al. 2017): `z = sigmoid(W_z [x; y])`, `fused = z * tanh(W_x x) + (1 - z) * tanh(W_y y)` on
 * the pooled vectors x (picture) and y (text): each entry chooses between the two.
 *
 * Attention map `gate`, `[B, 1, 1, 2]`: the mean shares of picture and text.
 */
export class GatedFusion extends PairFusion {
  readonly imageLayer: Linear;
  readonly textLayer: Linear;
  readonly gate: Linear;
  readonly missing: MissingModality;
  readonly embedDim: number;

  /** @throws ConfigError if embedDim is not a whole number above 0 */
  constructor(options: GatedFusionOptions) {
    super();
    checkOptions('fusion.GatedFusion', options, FUSION);
    const { embedDim } = options;
    checkPositive('fusion.GatedFusion', 'embedDim', embedDim);
    const generator = generatorOf(options, 'fusion/gated');
    this.embedDim = embedDim;
    this.imageLayer = new Linear(embedDim, embedDim, { generator });
    this.textLayer = new Linear(embedDim, embedDim, { generator });
    this.gate = new Linear(2 * embedDim, embedDim, { generator });
    this.missing = new MissingModality('fusion.GatedFusion', { ...options, generator });
  }

  protected override fusePair({ image, text }: Pair): Fused {
    const [x, y] = [image.pooled, text.pooled];
    const z = tf.sigmoid(this.gate.forward(tf.concat([x, y], 1)));
    const chosen = tf.mul(z, tf.tanh(this.imageLayer.forward(x)));
    const other = tf.mul(tf.sub(1, z), tf.tanh(this.textLayer.forward(y)));
    const share = tf.mean(z, 1);
    const gate: tf.Tensor4D = tf.reshape(tf.stack([share, tf.sub(1, share)], 1), [x.shape[0], 1, 1, 2]);
    return { fused: tf.add(chosen, other), attention: { gate } };
  }

  override describe(): PartDescription {
    return { kind: 'fusion/gated', options: { embedDim: this.embedDim, ...this.missing.describeOptions() } };
  }
}
