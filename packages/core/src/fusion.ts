import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { EncoderOutput } from './encoder.js';
import type { Context } from './random.js';
import type { Stateful } from './stateful.js';

/** What a fusion gives: one joint vector a pair, and how it looked at its inputs. */
export interface FusionOutput {
  /** [B, D]. */
  readonly fused: Tensor2D;
  /** Attention maps by name, [B, heads, queries, keys] each, for fusions that attend. */
  readonly attention?: { readonly [name: string]: Tensor4D };
}

/** Joins the two towers: row i of `image` with row i of `text`. It runs inside `tf.tidy`. */
export interface Fusion extends Stateful {
  /** Width of both inputs and of `fused`. */
  readonly embedDim: number;
  fuse(image: EncoderOutput, text: EncoderOutput, context: Context): FusionOutput;
}
