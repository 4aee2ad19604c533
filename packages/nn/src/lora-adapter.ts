import { checkFields, checkPositive } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import type { Generator } from './generator.js';
import { kaimingUniform } from './init.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** What an adapter needs to know of its layer. */
interface LinearWeights {
  /** [out, in]. */
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable | undefined;
}

/**
 * A low-rank change of a linear layer's weight, `B A * alpha / rank`: `A` is [rank, in], `B` [out, rank] and starts at
 * zero, so that nothing changes at first (Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models).
 */
export class LoraAdapter extends Module {
  readonly A: tf.Variable<tf.Rank.R2>;
  readonly B: tf.Variable<tf.Rank.R2>;
  readonly scale: number;
  /** Whether weight and bias of the layer trained before the adapter came. */
  readonly trainedBefore: { readonly weight: boolean; readonly bias: boolean };

  constructor(layer: LinearWeights, rank: number, alpha: number, generator: Generator) {
    super();
    checkFields('nn.LoraAdapter', 'a layer', layer, ['weight']);
    checkPositive('nn.LoraAdapter', 'rank', rank);
    const [outFeatures, inFeatures] = layer.weight.shape;
    this.scale = alpha / rank;
    this.A = parameter(kaimingUniform([rank, inFeatures], generator));
    this.B = parameter(tf.zeros([outFeatures, rank]));
    this.trainedBefore = { weight: layer.weight.trainable, bias: layer.bias?.trainable ?? false };
  }

  /** The change of the weight, [out, in]. */
  delta(): tf.Tensor2D {
    return tf.mul(tf.matMul(this.B, this.A), this.scale);
  }

  /** The weight that the layer computes with, and that merging leaves behind: [out, in]. */
  merged(weight: tf.Tensor2D): tf.Tensor2D {
    return tf.add(weight, this.delta());
  }

  /**
   * The layer's product with the changed weight, [N, in] -> [N, out]. Forward it is the product that a merged layer
   * computes, operator by operator, so that merging changes nothing. Backward it never forms a gradient of the size of
   * the weight, which is what makes low-rank training cheap; the weight gets one only where it trains too.
   */
  product(rows: tf.Tensor2D, weight: tf.Variable<tf.Rank.R2>): tf.Tensor2D {
    const trains = weight.trainable;
    type Inputs = [x: tf.Tensor2D, A: tf.Tensor2D, B: tf.Tensor2D, ...weight: tf.Tensor2D[]];
    const inputs: Inputs = [rows, this.A, this.B, ...(trains ? [weight] : [])];
    return withGradient<Inputs, tf.Tensor2D>(inputs, (save, x, A, B) => {
      save([x, A, B]);
      const gradFunc = (dy: tf.Tensor2D, saved: tf.Tensor[]) => {
        const gradients = this.#gradients(dy, saved, weight);
        return trains ? [...gradients, tf.matMul(dy, x, true)] : gradients;
      };
      return { value: tf.matMul(x, this.merged(weight), false, true), gradFunc };
    });
  }

  /** Of rows, A and B. */
  #gradients(dy: tf.Tensor2D, saved: tf.Tensor[], weight: tf.Tensor2D): tf.Tensor[] {
    const [x, A, B] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const dNarrow = tf.mul(tf.matMul(dy, B), this.scale); // [N, rank]
    const narrow = tf.mul(tf.matMul(x, A, false, true), this.scale);
    return [
      tf.add(tf.matMul(dy, weight), tf.matMul(dNarrow, A)),
      tf.matMul(dNarrow, x, true),
      tf.matMul(dy, narrow, true),
    ];
  }
}
