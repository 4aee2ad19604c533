import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Encoded } from './encoder.js';
import type { Fused } from './fusion.js';
import type { Head } from './head.js';
import type { Context } from './random.js';
import { checkShape } from './shapes.js';
import type { Stateful } from './stateful.js';

/** What every two-tower model gives to a loss; row i of both belongs to pair i. */
export interface TowerOutputs {
  readonly image: Encoded;
  readonly text: Encoded;
  /** ln of the factor on cosine similarities, a scalar; clamp and meaning as in CLIP. */
  readonly logitScale: Scalar;
  /** Added to scaled similarities (SigLIP), a scalar; absent where the model has none. */
  readonly logitBias?: Scalar;
  /** What reads labels out of the pairs, by the names of their columns; absent where the model has none. */
  readonly heads?: { readonly [name: string]: Head };
}

/** What a model with a fusion adds: joint vectors and match logits for any pairing of the batch's rows. */
export interface FusedOutputs extends TowerOutputs {
  /**
   * Fuses image row `imageRows[p]` with text row `textRows[p]`; both int32 [P]. Without arguments: pair i with i. null: without
   * that modality, where the fusion has placeholders for it.
   */
  fuse(imageRows?: Tensor | null, textRows?: Tensor | null): Fused;
  /** One logit a fused row, [P, D] -> [P]: above 0 means that picture and text belong together. */
  matchLogits(fused: Tensor): Tensor1D;
}

/** What a loss may know of the batch beside the model's outputs. */
export interface LossBatch {
  readonly size: number;
  /**
   * int32 [B], or [B, K] for K things that rows may share (id, caption): rows with an equal number are positives of each other,
   * negative ones do not count; absent where every row is its own.
   */
  readonly positives?: Tensor1D | Tensor2D;
  /** Labels of the pairs by column, [B] or [B, C]: a class below 0 and a NaN say that a pair has none. */
  readonly labels?: { readonly [name: string]: Tensor };
  /** Further values row by row, for losses that need more than the model's outputs: a teacher's embeddings. */
  readonly targets?: { readonly [name: string]: Tensor };
  /** Wrong pictures and texts beside the pairs, through the same towers. */
  readonly negatives?: { readonly image?: NegativeRows; readonly text?: NegativeRows };
}

/** Vectors that belong to none of a batch's pairs. */
export interface NegativeRows {
  /** [M, D]. */
  readonly pooled: Tensor2D;
  /** int32 [M] or [M, K], numbered as `positives`: a row does not stand against pairs with its number. */
  readonly ids: Tensor1D | Tensor2D;
}

/** What is known of a run before its first step. What is not known yet is undefined. */
export interface LossSetting {
  /** Width of both towers' vectors. */
  readonly embedDim?: number;
  /** The model's heads by name; empty where it has none. */
  readonly heads?: { readonly [name: string]: Head };
  /** Names of the columns of labels that batches bring. */
  readonly labels?: readonly string[];
  /** Widths of the rows that batches bring as `targets`, by name; empty where they bring none. */
  readonly targets?: { readonly [name: string]: number };
}

/** A loss and its named parts for the log. All hold one number; the trainer checks it. */
export interface LossOutput {
  readonly loss: Tensor;
  readonly parts: { readonly [name: string]: Tensor };
}

/** A {@link LossOutput} whose values were checked to be scalars. */
export interface LossValues extends LossOutput {
  readonly loss: Scalar;
  readonly parts: { readonly [name: string]: Scalar };
}

/**
 * A training objective. `Outputs` says what it needs of the model: a loss on {@link FusedOutputs} does not compile
 * against a model without a fusion.
 */
export interface Loss<Outputs extends TowerOutputs = TowerOutputs> extends Stateful {
  /**
   * Parts of the model that it reads beside the towers (`fusion`, `matcher`, `logitBias`, `heads`, or `heads.group` for one of them): a
   * trainer refuses a model that lacks one before the first step.
   */
  readonly needs?: readonly string[];
  /**
   * Parts that it never reads (`fusion`, `matcher`, `heads`): a trainer says before the first step that one of them would not train,
   * and not after it.
   */
  readonly ignores?: readonly string[];
  /**
   * Looks over everything else that is known before the first step.
   *
   * @throws ConfigError if the loss cannot be computed so
   */
  readonly check?: (setting: LossSetting) => void;
  // a property, not a method: methods are checked loosely, and a loss that needs a fusion would pass for one that does not
  readonly compute: (outputs: Outputs, batch: LossBatch, context: Context) => LossOutput;
}

/**
 * Checks what a loss gave.
 *
 * @param where the place that an error names
 * @returns the same object
 * @throws ShapeError unless the loss and each of its parts are scalars
 */
export function checkLossOutput(where: string, output: LossOutput): LossValues {
  const remedy = 'reduce it first: tf.mean(values)';
  checkShape(where, 'loss', output.loss, [], remedy);
  for (const [name, part] of Object.entries(output.parts)) checkShape(where, `parts.${name}`, part, [], remedy);
  return output as LossValues;
}
