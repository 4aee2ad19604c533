import { ConfigError, checkTensors, type LossBatch, type LossOutput, type TowerOutputs } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { pairMask, type RowIds, similarityMatrix } from './similarity.js';
import { StatelessLoss } from './stateless-loss.js';

/**
 * Sigmoid loss for language-image pre-training: every pair of the batch is a yes/no question,
 * `-sum_ij log sigmoid(z_ij (exp(logitScale) cosine_ij + logitBias)) / N` with z = 1 for positives and -1 elsewhere (Zhai et
 * al. 2023).
 *
 * @param image [N, D]
 * @param text [N, D]
 * @param ids int32 [N] or [N, K]: rows with equal numbers are positives of each other; negative numbers leave a row out
 */
export function sigLIP(
  image: tf.Tensor2D,
  text: tf.Tensor2D,
  logitScale: tf.Scalar | number,
  logitBias: tf.Scalar | number,
  ids?: RowIds,
): tf.Scalar {
  checkTensors('train.sigLIP', { image, text });
  const size = image.shape[0];
  const { positive, valid } = pairMask(size, ids);
  const logits = tf.add(tf.mul(similarityMatrix(image, text), tf.exp(logitScale)), logitBias);
  const sign = tf.sub(1, tf.mul(positive, 2)); // -z
  const losses = tf.softplus(tf.mul(logits, sign));
  if (!valid) return tf.div(tf.sum(losses), size);
  const counts = tf.mul(tf.reshape(valid, [size, 1]), tf.reshape(valid, [1, size]));
  return tf.div(tf.sum(tf.mul(losses, counts)), tf.maximum(tf.sum(valid), 1));
}

/**
 * {@link sigLIP} on the two towers, with the model's `logit_scale` and `logit_bias`. Start them at ln 10 and -10:
 * `new MultiModalEncoder({ image, text, logitScale: Math.log(10), logitBias: -10, maxScale: null })`.
 *
 * Parts: `sigLIP`, `scale`, `bias`.
 */
export class SigLIP extends StatelessLoss {
  readonly needs = ['logitBias'];
  readonly ignores: readonly string[] = ['fusion', 'matcher', 'heads'];

  /** @throws ConfigError if the model has no `logit_bias` */
  override compute({ image, text, logitScale, logitBias }: TowerOutputs, batch: LossBatch): LossOutput {
    if (!logitBias) {
      throw new ConfigError({
        where: 'train.SigLIP',
        problem: 'the model has no logit_bias',
        remedy: 'build it with `logitBias: -10` (and `logitScale: Math.log(10)`)',
      });
    }
    const loss = sigLIP(image.pooled, text.pooled, logitScale, logitBias, batch.positives);
    return { loss, parts: { sigLIP: loss, scale: tf.exp(logitScale), bias: tf.clone(logitBias) } };
  }
}
