import type { Context } from '@diptych/core';
import {
  DropPath,
  type Generator,
  LayerNorm,
  type Linear,
  Mlp,
  Module,
  mergeHeads,
  scaledDotProductAttention,
  splitHeads,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { TIMM_INIT, timmLinear } from '../timm-linear.js';

/** What a {@link ViTBlock} is built from. */
export interface ViTBlockOptions {
  readonly hiddenSize: number;
  readonly numHeads: number;
  /** Width inside the feed-forward part. */
  readonly intermediateSize: number;
  readonly layerNormEps: number;
  /** Stochastic depth of both branches. */
  readonly dropPath: number;
  readonly generator: Generator;
}

/** Self-attention with queries, keys and values from one product. */
class ViTAttention extends Module {
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly numHeads: number;

  constructor({ hiddenSize, numHeads, generator }: ViTBlockOptions) {
    super();
    this.numHeads = numHeads;
    this.qkv = timmLinear(hiddenSize, 3 * hiddenSize, generator);
    this.proj = timmLinear(hiddenSize, hiddenSize, generator);
  }

  /** [B, T, D] -> the same. */
  forward(x: tf.Tensor3D): tf.Tensor3D {
    const parts: tf.Tensor3D[] = tf.split(this.qkv.forward(x), 3, 2);
    const heads = parts.map((part) => splitHeads(part, this.numHeads)); // [B, heads, T, headDim] each
    const [q, k, v] = heads as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    return this.proj.forward(mergeHeads(scaledDotProductAttention(q, k, v).output));
  }
}

/**
 * `x + attention(norm(x))`, then `x + mlp(norm(x))`, with timm's names (`norm1`, `attn.qkv`, `attn.proj`, `norm2`,
 * `mlp.fc1`, `mlp.fc2`). CLIP and SigLIP, whose checkpoints keep queries, keys and values apart, use nn's PreNormBlock.
 */
export class ViTBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attn: ViTAttention;
  readonly norm2: LayerNorm;
  readonly mlp: Mlp;
  readonly dropPath1: DropPath;
  readonly dropPath2: DropPath;

  constructor(options: ViTBlockOptions) {
    super();
    const { hiddenSize, intermediateSize, layerNormEps: eps, dropPath, generator } = options;
    this.norm1 = new LayerNorm(hiddenSize, { eps });
    this.attn = new ViTAttention(options);
    this.norm2 = new LayerNorm(hiddenSize, { eps });
    this.mlp = new Mlp(hiddenSize, { generator, intermediateSize, ...TIMM_INIT });
    this.dropPath1 = new DropPath(dropPath);
    this.dropPath2 = new DropPath(dropPath);
  }

  /** [B, T, D] -> the same. */
  forward(x: tf.Tensor3D, context: Context): tf.Tensor3D {
    const y: tf.Tensor3D = tf.add(x, this.dropPath1.forward(this.attn.forward(this.norm1.forward(x)), context));
    return tf.add(y, this.dropPath2.forward(this.mlp.forward(this.norm2.forward(y)), context));
  }
}
