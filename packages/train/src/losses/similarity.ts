import { checkPositive, checkShape } from '@diptych/core';
import { l2Normalize } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The similarity matrix of two towers: cosines, images in rows, [N, D], [M, D] -> [N, M], with gradients (for rows on the host:
 * `cosineSimilarity` of `@diptych/metrics`). A zero vector has similarity 0 with everything and gets no
 * gradient.
 *
 * @throws ShapeError if the widths differ
 */
export function similarityMatrix(image: tf.Tensor2D, text: tf.Tensor2D): tf.Tensor2D {
  checkShape('train.similarityMatrix', 'image', image, ['N', 'D']);
  checkShape('train.similarityMatrix', 'text', text, ['M', image.shape[1]]);
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
 * Numbers that say what rows are of, int32 [N], or [N, K] for K things that a row may share with another (its id, its caption): equal
 * in any of them means equal.
 */
export type RowIds = tf.Tensor1D | tf.Tensor2D;

/**
 * Which pairs of a batch are positives of each other, for a loss over all [N, N] of them.
 *
 * @param size N
 * @param ids int32 [N] or [N, K]: rows with an equal number are positives of each other, rows whose (first) number is negative do not
 *   count (padding of a ragged batch). Absent: row i belongs to column i alone.
 * @throws ShapeError unless there is one row of ids for each pair
 */
export function pairMask(size: number, ids?: RowIds): PairMask {
  checkPositive('train.pairMask', 'size', size);
  if (!ids) return { positive: identity(size) };
  checkShape('train.pairMask', 'ids', ids, ids.rank === 1 ? [size] : [size, 'K']);
  return {
    positive: equalIds(ids, ids),
    valid: tf.cast(tf.greaterEqual<tf.Tensor1D>(columnsOf(ids)[0]!, 0), 'float32'),
  };
}

/** float32 [N, M], 1 where rows of `a` and `b` share a number. */
export function equalIds(a: RowIds, b: RowIds): tf.Tensor2D {
  const [left, right] = [columnsOf(a), columnsOf(b)];
  const shared = left.slice(0, right.length).map((column, k) => {
    const equal: tf.Tensor2D = tf.equal(tf.reshape(column, [-1, 1]), tf.reshape(right[k]!, [1, -1]));
    return tf.cast(equal, 'float32');
  });
  return shared.reduce((any, equal) => tf.maximum(any, equal));
}

function columnsOf(ids: RowIds): tf.Tensor1D[] {
  return ids.rank === 1 ? [ids as tf.Tensor1D] : (tf.unstack(ids, 1) as tf.Tensor1D[]);
}

/** float32 [N, N] with ones on the diagonal. */
export function identity(size: number): tf.Tensor2D {
  if (size === 1) return tf.ones([1, 1]); // tf.oneHot refuses a depth of 1
  return tf.cast(tf.oneHot(tf.range(0, size, 1, 'int32'), size) as tf.Tensor2D, 'float32');
}

/** The mean of `values` [N] over the rows that count; 0 where none does. */
export function meanOverValid(values: tf.Tensor1D, valid: tf.Tensor1D | undefined): tf.Scalar {
  if (!valid) return tf.mean(values);
  return tf.div(tf.sum(tf.mul(values, valid)), tf.maximum(tf.sum(valid), 1));
}
