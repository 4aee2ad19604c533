import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Encoded } from './encoder.js';
import type { Context } from './random.js';
import { checkShape } from './shapes.js';
import type { Stateful } from './stateful.js';

/** What a fusion gives: one joint vector a pair, and how it looked at its inputs. {@link checkFused} makes sure of the shapes. */
export type FusionOutput = {
  /** [B, D]. */
  readonly fused: Tensor;
  /** Attention maps by name, [B, heads, queries, keys] each, for fusions that attend. */
  readonly attention?: { readonly [name: string]: Tensor };
};

/** A {@link FusionOutput} whose shapes were checked. */
export type Fused = {
  /** [B, D]. */
  readonly fused: Tensor2D;
  /** Attention maps by name, [B, heads, queries, keys] each, for fusions that attend. */
  readonly attention?: { readonly [name: string]: Tensor4D };
};

/** Joins the two towers: row i of `image` with row i of `text`. It runs inside `tf.tidy`. */
export interface Fusion extends Stateful {
  /** Width of both inputs and of `fused`. */
  readonly embedDim: number;
  /** True if it is a {@link FusionWithPlaceholders}. */
  readonly hasPlaceholders?: boolean;
  /**
   * Names of its attention maps whose queries are the text's tokens and whose keys are the picture's parts, each behind the pooled
   * vector: [B, heads, 1 + tokens, 1 + parts]. They show where it looks for a word; absent where it sees a picture as one vector.
   */
  readonly textToImageMaps?: readonly string[];
  fuse(image: Encoded, text: Encoded, context: Context): FusionOutput;
}

/** A fusion that has something to put in the place of a picture or a text that is not there. */
export interface FusionWithPlaceholders extends Fusion {
  readonly hasPlaceholders: true;
  /** One of the two may be undefined. */
  fuse(image: Encoded | undefined, text: Encoded | undefined, context: Context): FusionOutput;
}

/** True if the fusion can do without one of its inputs. */
export function hasPlaceholders(fusion: Fusion): fusion is FusionWithPlaceholders {
  return fusion.hasPlaceholders === true;
}

/**
 * Checks what a fusion gave.
 *
 * @param where the place that an error names
 * @returns the same object
 * @throws ShapeError unless `fused` is [B, embedDim] and each attention map [B, heads, queries, keys]
 */
export function checkFused(where: string, output: FusionOutput, embedDim: number): Fused {
  const { B } = checkShape(where, 'fused', output.fused, ['B', embedDim]);
  for (const [name, map] of Object.entries(output.attention ?? {})) {
    checkShape(where, `attention.${name}`, map, [B!, 'heads', 'queries', 'keys']);
  }
  return output as Fused;
}
