import {
  ConfigError,
  checkFields,
  checkOptions,
  checkShape,
  type LossBatch,
  type LossOutput,
  type LossSetting,
  type OptionNames,
  type TowerOutputs,
} from '@diptych/core';
import { l2Normalize } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../without-gradient.js';
import { similarityMatrix } from './similarity.js';
import { StatelessLoss } from './stateless-loss.js';

/** Options of {@link Distillation}. */
export interface DistillationOptions {
  /**
   * `cosine` pulls each vector towards the teacher's of the same item (equal widths); `affinity` asks only for the
   * teacher's similarities between the batch's images and texts, at any width. Default `cosine`.
   */
  readonly mode?: 'cosine' | 'affinity';
  /** Of both distributions in mode `affinity`; default 0.07. */
  readonly temperature?: number;
}

/**
 * Mean of 1 - cosine(student, teacher).
 *
 * @param student [N, D]
 * @param teacher [N, D], a constant
 */
export function distillCosine(student: tf.Tensor2D, teacher: tf.Tensor2D): tf.Scalar {
  checkShape('train.distillCosine', 'student', student, ['N', 'D']);
  checkShape('train.Distillation', "the teacher's vectors", teacher, [...student.shape]);
  const product = tf.mul(
    l2Normalize(student),
    withoutGradient(() => l2Normalize(teacher)),
  );
  return tf.sub(1, tf.mean(tf.sum(product, 1)));
}

/**
 * Cross-entropy between the teacher's and the student's softmax over similarities, images to texts and texts to images, less
 * the teacher's entropy, so that 0 is best (Wu et al. 2023, TinyCLIP's affinity mimicking; Hinton et al. 2015).
 *
 * @param student `image` [N, D] and `text` [N, D] of the student
 * @param teacher the same of the teacher, [N, E] each
 */
export function distillAffinity(
  student: { readonly image: tf.Tensor2D; readonly text: tf.Tensor2D },
  teacher: { readonly image: tf.Tensor2D; readonly text: tf.Tensor2D },
  temperature = 0.07,
): tf.Scalar {
  checkFields('train.distillAffinity', 'student', student, ['image', 'text']);
  checkFields('train.distillAffinity', 'teacher', teacher, ['image', 'text']);
  const logits = ({ image, text }: typeof student) => tf.div(similarityMatrix(image, text), temperature) as tf.Tensor2D;
  const [own, wanted] = [logits(student), withoutGradient(() => logits(teacher))];
  const divergence = (a: tf.Tensor2D, b: tf.Tensor2D) => {
    const [logP, logQ] = [tf.logSoftmax(a), withoutGradient(() => tf.logSoftmax(b))];
    return tf.mean(tf.sum(tf.mul(tf.exp(logQ), tf.sub(logQ, logP)), 1));
  };
  return tf.mul(tf.add(divergence(own, wanted), divergence(tf.transpose(own), tf.transpose(wanted))), 0.5) as tf.Scalar;
}

const OPTIONS: OptionNames<DistillationOptions> = { mode: 'optional', temperature: 'optional' };

/**
 * Distillation from stored embeddings: the batch brings the teacher's vectors as `targets.image` and `targets.text`, float32
 * [N, E], through the Trainer's option `targets` (see {@link storedTargets}). Either may be left out in mode
 * `cosine`.
 *
 * Parts: `image` and `text` (cosine), or `affinity`.
 */
export class Distillation extends StatelessLoss {
  readonly ignores: readonly string[] = ['fusion', 'matcher', 'heads'];
  readonly mode: 'cosine' | 'affinity';
  readonly temperature: number;

  /** @throws ConfigError if the temperature is not above 0 */
  constructor(options: DistillationOptions = {}) {
    super();
    checkOptions('train.Distillation', options, OPTIONS);
    const { mode = 'cosine', temperature = 0.07 } = options;
    if (!(temperature > 0)) {
      throw new ConfigError({ where: 'train.Distillation', expected: 'temperature above 0', got: String(temperature) });
    }
    this.mode = mode;
    this.temperature = temperature;
  }

  /** @throws ConfigError if batches bring no teacher's vectors, or in mode `cosine` of another width than the model's */
  check({ targets, embedDim }: LossSetting): void {
    if (!targets) return;
    const { mode } = this;
    const sides = (['image', 'text'] as const).filter((side) => targets[side] !== undefined);
    if (mode === 'cosine' ? sides.length === 0 : sides.length < 2) throw noTeacher(mode, Object.keys(targets));
    const other = sides.find((side) => targets[side] !== embedDim);
    if (mode !== 'cosine' || embedDim === undefined || other === undefined) return;
    throw new ConfigError({
      where: `train.Distillation: targets.${other}`,
      expected: `vectors of the model's embedDim, ${embedDim}`,
      got: `${targets[other]} numbers a vector`,
      remedy: "build the model with the teacher's width, or new Distillation({ mode: 'affinity' }), which takes any",
    });
  }

  /** @throws ConfigError if the batch brings no teacher's vectors */
  override compute({ image, text }: TowerOutputs, { targets = {} }: LossBatch): LossOutput {
    const [forImage, forText] = [targets.image, targets.text] as (tf.Tensor2D | undefined)[];
    if (this.mode === 'affinity' && forImage && forText) {
      const student = { image: image.pooled, text: text.pooled };
      const loss = distillAffinity(student, { image: forImage, text: forText }, this.temperature);
      return { loss, parts: { affinity: loss } };
    }
    const parts: Record<string, tf.Scalar> = {};
    if (this.mode === 'cosine' && forImage) parts.image = distillCosine(image.pooled, forImage);
    if (this.mode === 'cosine' && forText) parts.text = distillCosine(text.pooled, forText);
    if (Object.keys(parts).length === 0) throw noTeacher(this.mode, Object.keys(targets));
    return { loss: tf.addN(Object.values(parts)), parts };
  }
}

function noTeacher(mode: Distillation['mode'], names: readonly string[]): ConfigError {
  return new ConfigError({
    where: 'train.Distillation',
    expected: mode === 'cosine' ? 'targets.image or targets.text' : 'targets.image and targets.text',
    got: names.length > 0 ? `targets ${names.join(', ')}` : 'no targets',
    remedy: 'give the Trainer the option `targets: storedTargets({ ids, image, text })`',
  });
}
