import { checkShape } from '@diptych/core';
import { l2Normalize } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Cosine similarities, images in rows: [N, D], [M, D] -> [N, M]. A zero vector has similarity 0 with everything and gets no
 * gradient.
 *
 * @throws ShapeError if the widths differ
 */
export function cosineSimilarity(image: tf.Tensor2D, text: tf.Tensor2D): tf.Tensor2D {
  checkShape('train.cosineSimilarity', 'text', text, ['M', image.shape[1]]);
  return tf.matMul(l2Normalize(image), l2Normalize(text), false, true);
}

/** Which pairs of a batch belong together, and which rows count at all. */
export interface PairMask {
  /** float32 [N, N], 1 where row i and column j are positives of each other. */
  readonly positive: tf.Tensor2D;
  /** float32 [N], 0 for rows that are no pairs; absent where all rows count. */
  readonly valid?: tf.Tensor1D;
}

/**
 * @param ids int32 [N]: rows with equal numbers are positives of each other, rows with a negative number do not count
 *   (padding of a ragged batch). Absent: row i belongs to column i alone.
 */
export function pairMask(size: number, ids?: tf.Tensor1D): PairMask {
  if (!ids) return { positive: identity(size) };
  checkShape('train.pairMask', 'ids', ids, [size]);
  const equal = tf.equal(tf.reshape(ids, [size, 1]), tf.reshape(ids, [1, size]));
  return {
    positive: tf.cast(equal, 'float32') as tf.Tensor2D,
    valid: tf.cast(tf.greaterEqual(ids, 0), 'float32') as tf.Tensor1D,
  };
}

/** float32 [N, N] with ones on the diagonal. */
export function identity(size: number): tf.Tensor2D {
  if (size === 1) return tf.ones([1, 1]); // tf.oneHot refuses a depth of 1
  return tf.cast(tf.oneHot(tf.range(0, size, 1, 'int32') as tf.Tensor1D, size), 'float32') as tf.Tensor2D;
}

/** The mean of `values` [N] over the rows that count; 0 where none does. */
export function meanOverValid(values: tf.Tensor1D, valid: tf.Tensor1D | undefined): tf.Scalar {
  if (!valid) return tf.mean(values);
  return tf.div(tf.sum(tf.mul(values, valid)), tf.maximum(tf.sum(valid), 1));
}
