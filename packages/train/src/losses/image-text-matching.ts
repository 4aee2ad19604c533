import { type Context, checkTensors, type FusedOutputs, type LossBatch, type LossOutput, siteOf } from '@diptych/core';
import { MASKED_SCORE, philoxUniform } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../without-gradient.js';
import { pairMask, similarityMatrix } from './similarity.js';
import { StatelessLoss } from './stateless-loss.js';

/**
 * Mean binary cross-entropy with one logit a pair (torch's `binary_cross_entropy_with_logits`).
 *
 * @param logits [P]
 * @param labels float32 [P], 1 for a match
 * @param weights float32 [P]; pairs with 0 do not count
 */
export function matchingLoss(logits: tf.Tensor1D, labels: tf.Tensor1D, weights?: tf.Tensor1D): tf.Scalar {
  checkTensors('train.matchingLoss', { logits, labels });
  const losses = tf.sub(tf.softplus(logits), tf.mul(logits, labels));
  if (!weights) return tf.mean(losses);
  return tf.div(tf.sum(tf.mul(losses, weights)), tf.maximum(tf.sum(weights), 1));
}

/**
 * Mean cross-entropy with two logits a pair: no match, match (the head of ALBEF and ViLT).
 *
 * @param logits [P, 2]
 * @param labels int32 [P], 1 for a match
 */
export function matchingLossTwoClasses(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  checkTensors('train.matchingLossTwoClasses', { logits, labels });
  const target = tf.cast(tf.oneHot(labels, 2), 'float32');
  return tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1)));
}

/**
 * Image-text matching with hard negatives from the batch: each image is fused with its own text and with a wrong one, each text
 * also with a wrong image; the wrong ones are drawn with probability softmax(scale * cosine), so that the
 * towers' worst confusions come most often (Li et al. 2021, ALBEF). Gradients reach the towers through the fusion, not through
 * the draw. Outside training the most similar wrong one is taken.
 *
 * Parts: `matching` (the loss) and `matchingAccuracy` (share of right answers at logit 0).
 */
export class ImageTextMatching extends StatelessLoss<FusedOutputs> {
  readonly needs = ['fusion', 'matcher'];
  readonly ignores: readonly string[] = ['heads'];

  override compute(outputs: FusedOutputs, batch: LossBatch, context: Context): LossOutput {
    const { size } = batch;
    const { positive, valid } = pairMask(size, batch.positives);
    const all = tf.range(0, size, 1, 'int32');
    const counts = valid ?? tf.ones([size]);
    let imageRows = all;
    let textRows = all;
    let labels: tf.Tensor1D = tf.ones([size]);
    let weights = counts;
    if (size > 1) {
      const usable: tf.Tensor2D = tf.mul(tf.sub(1, positive), tf.reshape(counts, [1, size]));
      const { hardTexts, hardImages, anyText, anyImage } = hardNegatives(outputs, usable, context);
      imageRows = tf.concat([all, all, hardImages]);
      textRows = tf.concat([all, hardTexts, all]);
      labels = tf.concat([labels, tf.zeros([2 * size])]);
      weights = tf.concat([counts, tf.mul<tf.Tensor1D>(counts, anyText), tf.mul<tf.Tensor1D>(counts, anyImage)]);
    }
    const logits = outputs.matchLogits(outputs.fuse(imageRows, textRows).fused);
    const loss = matchingLoss(logits, labels, weights);
    const right = tf.cast(tf.equal(tf.cast(tf.greater(logits, 0), 'float32'), labels), 'float32');
    const accuracy: tf.Scalar = tf.div(tf.sum(tf.mul(right, weights)), tf.maximum(tf.sum(weights), 1));
    return { loss, parts: { matching: loss, matchingAccuracy: accuracy } };
  }
}

interface HardNegatives {
  /** int32 [N]: a wrong text of each image. */
  readonly hardTexts: tf.Tensor1D;
  /** int32 [N]: a wrong image of each text. */
  readonly hardImages: tf.Tensor1D;
  /** float32 [N], 0 where an image has no wrong text in the batch. */
  readonly anyText: tf.Tensor;
  readonly anyImage: tf.Tensor;
}

const TEXT_SITE = siteOf('train.ImageTextMatching.texts');
const IMAGE_SITE = siteOf('train.ImageTextMatching.images');

/** @param usable float32 [N, N], 1 where text j may stand as a wrong text of image i; rows of the transpose likewise */
function hardNegatives(outputs: FusedOutputs, usable: tf.Tensor2D, context: Context): HardNegatives {
  const logits = () => tf.mul(similarityMatrix(outputs.image.pooled, outputs.text.pooled), tf.exp(outputs.logitScale));
  const [size] = usable.shape;
  const draw = (scores: tf.Tensor, allowed: tf.Tensor2D, site: number): tf.Tensor1D => {
    // Gumbel-max: the largest of logit + noise is a draw from their softmax
    const noisy = context.training ? tf.add(scores, gumbel(context.random, [size, size], site)) : scores;
    return tf.argMax(tf.add(noisy, tf.mul(tf.sub(1, allowed), MASKED_SCORE)), 1);
  };
  const allowedImages = tf.transpose(usable);
  return {
    hardTexts: withoutGradient(() => draw(logits(), usable, TEXT_SITE)),
    hardImages: withoutGradient(() => draw(tf.transpose(logits()), allowedImages, IMAGE_SITE)),
    anyText: tf.max(usable, 1),
    anyImage: tf.max(allowedImages, 1),
  };
}

/** -ln(-ln u); u is kept off 0 and 1, where float32 would give infinities. */
function gumbel(random: Parameters<typeof philoxUniform>[0], shape: [number, number], site: number): tf.Tensor {
  const u = tf.add(tf.mul(philoxUniform(random, shape, site), 1 - 2 ** -22), 2 ** -24);
  return tf.neg(tf.log(tf.neg(tf.log(u))));
}
