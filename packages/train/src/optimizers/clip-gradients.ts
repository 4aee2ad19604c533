import { ConfigError, checkList, checkTensors } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** torch's guard against division by zero in `clip_grad_norm_`. */
const CLIP_EPSILON = 1e-6;

/** What a training step does to gradients before any optimizer sees them. */
export interface ClippedGradients {
  /** Scaled down to the largest norm, by position as they came. */
  readonly gradients: (tf.Tensor | undefined)[];
  /** float32 [number of gradients]: the sum of squares of each, before clipping. */
  readonly squares: tf.Tensor1D;
  /** Global L2 norm before clipping. */
  readonly norm: tf.Scalar;
  /** bool scalar: whether the norm is finite. */
  readonly healthy: tf.Scalar;
}

/**
 * Clips gradients by their global L2 norm as `torch.nn.utils.clip_grad_norm_` does: `g *= min(1, clipNorm / (norm + 1e-6))`.
 *
 * @param clipNorm Infinity scales nothing
 */
export function clipGradients(gradients: readonly (tf.Tensor | undefined)[], clipNorm: number): ClippedGradients {
  checkList('train.clipGradients', 'gradients', gradients);
  checkNumber('train.clipGradients', clipNorm);
  const squares = sumsOfSquares(gradients.filter((gradient) => gradient !== undefined));
  const norm = normOf(squares);
  const healthy = tf.isFinite(norm);
  if (clipNorm === Number.POSITIVE_INFINITY) return { gradients: [...gradients], squares, norm, healthy };
  const scale = tf.minimum(1, tf.div(clipNorm, tf.add(norm, CLIP_EPSILON)));
  return { gradients: gradients.map((gradient) => gradient && tf.mul(gradient, scale)), squares, norm, healthy };
}

/** @throws ConfigError unless the norm is above 0 */
function checkNumber(where: string, clipNorm: number): void {
  if (typeof clipNorm === 'number' && clipNorm > 0) return;
  throw new ConfigError({ where, expected: 'clipNorm above 0', got: String(clipNorm) });
}

/** L2 norm of several gradients, from the sum of squares of each. */
export function normOf(squares: tf.Tensor1D): tf.Scalar {
  checkTensors('train.normOf', { squares });
  return tf.sqrt(tf.sum<tf.Scalar>(squares));
}

/** [n]: the sum of squares of each of n tensors; one kernel where the backend has it. */
function sumsOfSquares(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  if (tensors.length === 0) return tf.zeros([1]);
  if (!tf.getKernel('SumsOfSquares', tf.getBackend())) {
    return tf.stack(tensors.map((tensor) => tf.sum(tf.square(tensor)))) as tf.Tensor1D;
  }
  const named = Object.fromEntries(tensors.map((tensor, i) => [i, tensor]));
  return tf.engine().runKernel<tf.Tensor1D>('SumsOfSquares', named);
}
