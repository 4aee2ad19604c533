import { ConfigError, type LossBatch, type LossOutput, type TowerOutputs } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { cosineSimilarity, meanOverValid, pairMask } from './similarity.js';
import { StatelessLoss } from './stateless-loss.js';

/** Options of {@link infoNCE}. */
export interface InfoNCETerms {
  /** int32 [N]: rows with equal numbers are positives of each other; negative numbers leave a row out. */
  readonly ids?: tf.Tensor1D;
  /** Share of the target that is spread over all columns, default 0. */
  readonly labelSmoothing?: number;
  /** [M, D], further texts that belong to none of the images: explicit hard negatives. */
  readonly negativeTexts?: tf.Tensor2D;
  /** [M, D], further images that belong to none of the texts. */
  readonly negativeImages?: tf.Tensor2D;
}

/**
 * Symmetric InfoNCE: the mean of the cross-entropies over rows and columns of `exp(logitScale) * cosine`, as CLIP
 * (Radford et al. 2021; van den Oord et al. 2018). With ids, the target is uniform over a row's positives (SupCon's outer
 * sum, Khosla et al. 2020).
 *
 * @param image [N, D]
 * @param text [N, D]
 * @param logitScale ln of the factor on similarities
 * @returns a scalar
 */
export function infoNCE(
  image: tf.Tensor2D,
  text: tf.Tensor2D,
  logitScale: tf.Scalar | number,
  { ids, labelSmoothing = 0, negativeTexts, negativeImages }: InfoNCETerms = {},
): tf.Scalar {
  const size = image.shape[0];
  const { positive, valid } = pairMask(size, ids);
  const scale = tf.exp(logitScale);
  const scaled = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.mul(cosineSimilarity(a, b), scale) as tf.Tensor2D;
  const pairs = scaled(image, text);
  const oneWay = (logits: tf.Tensor2D, negatives: tf.Tensor2D | undefined) =>
    crossEntropy(logits, negatives, positive, valid, labelSmoothing);
  const byImage = oneWay(pairs, negativeTexts && scaled(image, negativeTexts));
  const byText = oneWay(tf.transpose(pairs), negativeImages && scaled(text, negativeImages));
  return tf.mul(tf.add(byImage, byText), 0.5) as tf.Scalar;
}

/** Added to the logits of columns that do not count. */
const HIDDEN = -1e9;

function crossEntropy(
  logits: tf.Tensor2D,
  negatives: tf.Tensor2D | undefined,
  positive: tf.Tensor2D,
  valid: tf.Tensor1D | undefined,
  labelSmoothing: number,
): tf.Scalar {
  const [size] = logits.shape;
  const shown = valid ? tf.add(logits, tf.mul(tf.sub(1, tf.reshape(valid, [1, size])), HIDDEN)) : logits;
  const all = negatives ? tf.concat([shown, negatives], 1) : shown;
  const logProbability = tf.logSoftmax(all as tf.Tensor2D) as tf.Tensor2D; // [N, N + M]
  const extra = negatives?.shape[1] ?? 0;
  const ofPairs = extra > 0 ? tf.slice(logProbability, [0, 0], [size, size]) : logProbability;
  const hits = tf.div(tf.sum(tf.mul(ofPairs, positive), 1), tf.sum(positive, 1)) as tf.Tensor1D;
  if (labelSmoothing === 0) return tf.neg(meanOverValid(hits, valid)) as tf.Scalar;
  const counted = valid ? tf.mul(ofPairs, tf.reshape(valid, [1, size])) : ofPairs;
  const columns = tf.add(valid ? tf.sum(valid) : size, extra);
  const total = tf.sum(counted, 1);
  const everything = extra > 0 ? tf.add(total, tf.sum(tf.slice(logProbability, [0, size], [size, extra]), 1)) : total;
  const spread = tf.div(everything, columns);
  const smoothed = tf.add(tf.mul(hits, 1 - labelSmoothing), tf.mul(spread, labelSmoothing)) as tf.Tensor1D;
  return tf.neg(meanOverValid(smoothed, valid)) as tf.Scalar;
}

/** Options of {@link InfoNCE}. */
export interface InfoNCEOptions {
  /** A fixed temperature (0.07) in place of the model's learned `logit_scale`. */
  readonly temperature?: number;
  /** In [0, 1), default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Symmetric InfoNCE on the two towers, see {@link infoNCE}; rows whose ids are equal are positives of each other, so several
 * captions of one image in a batch are no false negatives.
 *
 * Parts: `infoNCE` (the loss) and `scale` (the factor on similarities).
 */
export class InfoNCE extends StatelessLoss {
  readonly temperature: number | undefined;
  readonly labelSmoothing: number;

  /** @throws ConfigError if an option is out of range */
  constructor({ temperature, labelSmoothing = 0 }: InfoNCEOptions = {}) {
    super();
    if (temperature !== undefined && !(temperature > 0)) {
      throw new ConfigError({ where: 'train.InfoNCE', expected: 'temperature above 0', got: String(temperature) });
    }
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new ConfigError({
        where: 'train.InfoNCE',
        expected: 'labelSmoothing in [0, 1)',
        got: String(labelSmoothing),
      });
    }
    this.temperature = temperature;
    this.labelSmoothing = labelSmoothing;
  }

  override compute({ image, text, logitScale }: TowerOutputs, batch: LossBatch): LossOutput {
    const used = this.temperature === undefined ? logitScale : tf.scalar(Math.log(1 / this.temperature));
    const { labelSmoothing } = this;
    const loss = infoNCE(image.pooled, text.pooled, used, { ids: batch.positives, labelSmoothing });
    return { loss, parts: { infoNCE: loss, scale: tf.exp(used) as tf.Scalar } };
  }
}
