import {
  ConfigError,
  checkOptions,
  checkTensors,
  type LossBatch,
  type LossOutput,
  type OptionNames,
  type TowerOutputs,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../without-gradient.js';
import { pairMask, type RowIds, similarityMatrix } from './similarity.js';
import { StatelessLoss } from './stateless-loss.js';

/** Options of {@link triplet} and {@link Triplet}. */
export interface TripletOptions {
  /** By how much a pair's similarity should exceed that of a wrong one; default 0.2. */
  readonly margin?: number;
  /** `sum` of all hinges, or of each row's and column's hardest (`max`, VSE++). Default `max`. */
  readonly hinges?: 'sum' | 'max';
}

/**
 * Hinges on cosine similarities S, both ways: `max(0, margin + S_ij - S_ii)` over wrong texts j of image i, and
 * `max(0, margin + S_ij - S_jj)` over wrong images i of text j; sums over the batch, no mean. With `max` only the largest of a
 * row, and of a column, counts: VSE++ (Faghri et al. 2018). Of equal hinges the first counts.
 *
 * @param ids int32 [N] or [N, K]: rows with equal numbers are no negatives of each other; negative numbers leave a row out
 */
export function triplet(image: tf.Tensor2D, text: tf.Tensor2D, options: TripletOptions = {}, ids?: RowIds): tf.Scalar {
  checkTensors('train.triplet', { image, text });
  checkOptions('train.triplet', options, OPTIONS);
  const { margin = 0.2, hinges = 'max' } = options;
  const size = image.shape[0];
  const { positive, valid } = pairMask(size, ids);
  const similarities = similarityMatrix(image, text);
  const own = tf.sum(tf.mul(similarities, pairMask(size).positive), 1); // [N], the diagonal
  const both = valid ? tf.mul(tf.reshape(valid, [size, 1]), tf.reshape(valid, [1, size])) : undefined;
  const wrong = both ? tf.mul(tf.sub(1, positive), both) : tf.sub(1, positive);
  const hingesBelow = (pairs: tf.Tensor): tf.Tensor2D =>
    tf.mul(tf.relu(tf.add(tf.sub(similarities, pairs), margin)), wrong);
  const texts = hingesBelow(tf.reshape(own, [size, 1]));
  const images = hingesBelow(tf.reshape(own, [1, size]));
  if (hinges === 'sum') return tf.add(tf.sum(texts), tf.sum(images));
  return tf.add(sumOfRowMaxima(texts), sumOfRowMaxima(tf.transpose(images)));
}

/** Sum over rows of the largest entry; its gradient goes to the first of equal ones, as torch's `max(dim)` does. */
function sumOfRowMaxima(rows: tf.Tensor2D): tf.Tensor {
  // tf.oneHot wants two classes or more.
  if (rows.shape[1] === 1) return tf.sum(rows);
  const chosen = withoutGradient(() => tf.cast(tf.oneHot(tf.argMax(rows, 1), rows.shape[1]), 'float32'));
  return tf.sum(tf.mul(rows, chosen));
}

const OPTIONS: OptionNames<TripletOptions> = { margin: 'optional', hinges: 'optional' };

/** {@link triplet} on the two towers. Part: `triplet`. */
export class Triplet extends StatelessLoss {
  readonly ignores: readonly string[] = ['fusion', 'matcher', 'heads'];
  readonly margin: number;
  readonly hinges: 'sum' | 'max';

  /** @throws ConfigError if the margin is not above 0 */
  constructor(options: TripletOptions = {}) {
    super();
    checkOptions('train.Triplet', options, OPTIONS);
    const { margin = 0.2, hinges = 'max' } = options;
    if (!(margin > 0)) {
      throw new ConfigError({ where: 'train.Triplet', expected: 'margin above 0', got: String(margin) });
    }
    this.margin = margin;
    this.hinges = hinges;
  }

  override compute({ image, text }: TowerOutputs, batch: LossBatch): LossOutput {
    const { margin, hinges } = this;
    const loss = triplet(image.pooled, text.pooled, { margin, hinges }, batch.positives);
    return { loss, parts: { triplet: loss } };
  }
}
