import {
  ConfigError,
  checkOptions,
  checkTensors,
  type LossBatch,
  type LossOutput,
  type OptionNames,
  type TowerOutputs,
} from '@diptych/core';
import { MASKED_SCORE } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { equalIds, meanOverValid, pairMask, type RowIds, similarityMatrix } from './similarity.js';
import { StatelessLoss } from './stateless-loss.js';

/** Vectors [M, D] that belong to none of the pairs. */
export interface NegativeVectors {
  readonly pooled: tf.Tensor2D;
  /** int32 [M] or [M, K], numbered as `positives`. */
  readonly ids?: RowIds;
}

/** Options of {@link infoNCE}. */
export interface InfoNCETerms {
  /** int32 [N] or [N, K]: rows with an equal number are positives of each other; negative numbers leave a row out. */
  readonly positives?: RowIds;
  /** Share of the target that is spread over all columns, default 0. */
  readonly labelSmoothing?: number;
  /**
   * Explicit hard negatives: further images that are wrong for the texts, and texts that are wrong for the images, each row but against
   * those with its number. Without `ids`: against all.
   */
  readonly negatives?: { readonly image?: NegativeVectors; readonly text?: NegativeVectors };
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
  terms: InfoNCETerms = {},
): tf.Scalar {
  checkTensors('train.infoNCE', { image, text });
  checkOptions('train.infoNCE', terms, { positives: 'optional', labelSmoothing: 'optional', negatives: 'optional' });
  const { positives, labelSmoothing = 0, negatives: { image: images, text: texts } = {} } = terms;
  const size = image.shape[0];
  const { positive, valid } = pairMask(size, positives);
  const scale = tf.exp(logitScale);
  const scaled = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D => tf.mul(similarityMatrix(a, b), scale);
  const pairs = scaled(image, text);
  const byImage = crossEntropy(
    columnsOf(pairs, valid, texts && scaled(image, texts.pooled), otherIds(positives, texts?.ids)),
    positive,
    valid,
    labelSmoothing,
  );
  const byText = crossEntropy(
    columnsOf(tf.transpose(pairs), valid, images && scaled(text, images.pooled), otherIds(positives, images?.ids)),
    positive,
    valid,
    labelSmoothing,
  );
  return tf.mul(tf.add(byImage, byText), 0.5);
}

/** What a row chooses from: the batch's partners, then explicit negatives. */
interface Columns {
  /** [N, N + M]. */
  readonly logits: tf.Tensor2D;
  /** float32, 0 for columns that do not count, [1, N + M] or [N, N + M]; absent where all do. */
  readonly shown?: tf.Tensor2D;
}

/**
 * @param valid float32 [N], 0 for rows that are no pairs
 * @param negatives [N, M]
 * @param wrong float32 [N, M], 0 where a negative is a positive of the row after all
 */
function columnsOf(
  pairs: tf.Tensor2D,
  valid: tf.Tensor1D | undefined,
  negatives: tf.Tensor2D | undefined,
  wrong: tf.Tensor2D | undefined,
): Columns {
  const size = pairs.shape[0];
  const partners: tf.Tensor2D | undefined = valid && tf.reshape(valid, [1, size]);
  if (!negatives) return { logits: pairs, shown: partners };
  const logits: tf.Tensor2D = tf.concat([pairs, negatives], 1);
  if (!partners && !wrong) return { logits };
  const all: tf.Tensor2D = partners ? tf.tile(partners, [size, 1]) : tf.ones([size, size]);
  return { logits, shown: tf.concat([all, wrong ?? tf.onesLike(negatives)], 1) };
}

/** float32 [N, M], 1 where the ids differ. */
function otherIds(rows: RowIds | undefined, columns: RowIds | undefined): tf.Tensor2D | undefined {
  if (!rows || !columns) return undefined;
  return tf.sub<tf.Tensor2D>(1, equalIds(rows, columns));
}

function crossEntropy(
  { logits, shown }: Columns,
  positive: tf.Tensor2D,
  valid: tf.Tensor1D | undefined,
  labelSmoothing: number,
): tf.Scalar {
  const [size, columns] = logits.shape;
  const visible = shown ? tf.add(logits, tf.mul(tf.sub(1, shown), MASKED_SCORE)) : logits;
  const logProbability = tf.logSoftmax(visible);
  const ofPairs = columns > size ? tf.slice(logProbability, [0, 0], [size, size]) : logProbability;
  const hits: tf.Tensor1D = tf.div(tf.sum(tf.mul(ofPairs, positive), 1), tf.sum(positive, 1));
  if (labelSmoothing === 0) return tf.neg(meanOverValid(hits, valid));
  const spread = shown
    ? tf.div(tf.sum(tf.mul(logProbability, shown), 1), tf.sum(shown, 1))
    : tf.mean(logProbability, 1);
  const smoothed: tf.Tensor1D = tf.add(tf.mul(hits, 1 - labelSmoothing), tf.mul(spread, labelSmoothing));
  return tf.neg(meanOverValid(smoothed, valid));
}

/** Options of {@link InfoNCE}. */
export interface InfoNCEOptions {
  /** A fixed temperature (0.07) in place of the model's learned `logit_scale`. */
  readonly temperature?: number;
  /** In [0, 1), default 0. */
  readonly labelSmoothing?: number;
}

const OPTIONS: OptionNames<InfoNCEOptions> = { temperature: 'optional', labelSmoothing: 'optional' };

/**
 * Symmetric InfoNCE on the two towers, see {@link infoNCE}; rows whose ids are equal are positives of each other, so several
 * captions of one image in a batch are no false negatives. Hard negatives that the batch brings (`PairBatch.negatives`, see
 * {@link withNegatives}) are further wrong answers: texts for the images, images for the texts.
 *
 * Parts: `infoNCE` (the loss) and `scale` (the factor on similarities).
 */
export class InfoNCE extends StatelessLoss {
  readonly ignores: readonly string[] = ['fusion', 'matcher', 'heads'];
  readonly temperature: number | undefined;
  readonly labelSmoothing: number;

  /** @throws ConfigError if an option is out of range */
  constructor(options: InfoNCEOptions = {}) {
    super();
    checkOptions('train.InfoNCE', options, OPTIONS);
    const { temperature, labelSmoothing = 0 } = options;
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
    const { positives, negatives } = batch;
    const loss = infoNCE(image.pooled, text.pooled, used, {
      positives,
      labelSmoothing,
      negatives,
    });
    return { loss, parts: { infoNCE: loss, scale: tf.exp(used) } };
  }
}
