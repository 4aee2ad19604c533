import {
  ConfigError,
  type Context,
  checkFields,
  checkShape,
  checkText,
  type Encoded,
  ShapeError,
  siteOf,
} from '@diptych/core';
import { generatorOf, Module, normal, parameter, philoxUniform } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { FusionOptions } from './fusion-options.js';

/** Both modalities of a batch, none of them missing. */
export interface Pair {
  readonly image: Encoded;
  readonly text: Encoded;
}

/**
 * Learned stand-ins for a modality that is not there, and modality dropout to train them: in training, a share of the
 * pairs loses its picture or its text (Neverova et al. 2016, ModDrop). A missing item is one visible token.
 */
export class MissingModality extends Module {
  readonly image: tf.Variable<tf.Rank.R1> | undefined;
  readonly text: tf.Variable<tf.Rank.R1> | undefined;
  readonly modalityDropout: number;
  /** Its vectors are read where something is missing, and by no loss elsewhere. */
  readonly trainsSometimes = true;
  readonly #embedDim: number;
  readonly #where: string;

  /** @throws ConfigError if the share is outside [0, 1), or needs placeholders that are switched off */
  constructor(where: string, options: FusionOptions) {
    super();
    checkText('fusion.MissingModality', 'where', where);
    checkFields(where, 'options', options, ['embedDim']);
    const { embedDim, modalityDropout = 0, placeholders = modalityDropout > 0 } = options;
    if (!(modalityDropout >= 0 && modalityDropout < 1)) {
      throw new ConfigError({ where, expected: 'modalityDropout in [0, 1)', got: String(modalityDropout) });
    }
    if (modalityDropout > 0 && !placeholders) {
      throw new ConfigError({
        where,
        problem: 'modalityDropout puts placeholders in, which `placeholders: false` switches off',
        remedy: 'leave one of the two options out',
      });
    }
    this.modalityDropout = modalityDropout;
    this.#embedDim = embedDim;
    this.#where = where;
    const generator = generatorOf(options, 'fusion/missing-modality');
    const learned = () => parameter<tf.Rank.R1>(normal(0.02)([embedDim], generator));
    this.image = placeholders ? learned() : undefined;
    this.text = placeholders ? learned() : undefined;
  }

  /**
   * Fills what is missing, and drops modalities in training.
   *
   * @throws ShapeError if the two do not have one batch and the width embedDim, or both are missing
   * @throws ConfigError if one is missing and there are no placeholders
   */
  complete(image: Encoded | undefined, text: Encoded | undefined, context: Context): Pair {
    const batch = (image ?? text)?.pooled.shape[0];
    if (batch === undefined) {
      throw new ShapeError({ where: this.#where, expected: 'a picture or a text', got: 'neither' });
    }
    if (image) checkShape(this.#where, 'image.pooled', image.pooled, [batch, this.#embedDim]);
    if (text) checkShape(this.#where, 'text.pooled', text.pooled, [batch, this.#embedDim]);
    const pair: Pair = {
      image: image ?? this.#standIn('image', batch),
      text: text ?? this.#standIn('text', batch),
    };
    if (!context.training || this.modalityDropout === 0 || !image || !text) return pair;
    const draw = philoxUniform(context.random, [batch], siteOf(this.path));
    const half = this.modalityDropout / 2;
    const dropsImage: tf.Tensor1D = tf.cast(tf.less<tf.Tensor1D>(draw, half), 'float32');
    const dropsAny: tf.Tensor1D = tf.cast(tf.less<tf.Tensor1D>(draw, this.modalityDropout), 'float32');
    return {
      image: replaceRows(pair.image, dropsImage, this.image!),
      text: replaceRows(pair.text, tf.sub(dropsAny, dropsImage), this.text!),
    };
  }

  /** Whether there is something to put in the place of a missing modality. */
  get hasPlaceholders(): boolean {
    return this.image !== undefined;
  }

  /** Its part of a fusion's description. */
  describeOptions(): { readonly placeholders: boolean; readonly modalityDropout: number } {
    return { placeholders: this.hasPlaceholders, modalityDropout: this.modalityDropout };
  }

  #standIn(modality: 'image' | 'text', batch: number): Encoded {
    const vector = this[modality];
    if (!vector) {
      throw new ConfigError({
        where: this.#where,
        problem: `the ${modality} is missing, and this fusion has no placeholder for it`,
        remedy: 'build it with `placeholders: true` (and train it with `modalityDropout`)',
      });
    }
    const width = this.#embedDim;
    const pooled: tf.Tensor2D = tf.tile(tf.reshape(vector, [1, width]), [batch, 1]);
    return { pooled, sequence: tf.reshape(pooled, [batch, 1, width]) };
  }
}

/** Puts `vector` in the place of the rows where `drops` is 1, as their only visible token. */
function replaceRows(output: Encoded, drops: tf.Tensor1D, vector: tf.Tensor1D): Encoded {
  const [batch, length] = output.sequence.shape;
  const drop = tf.reshape(drops, [batch, 1]);
  const keep = tf.sub(1, drop);
  const mask = output.mask ?? tf.ones([batch, length]);
  // tf.oneHot wants two classes or more.
  const first = length === 1 ? tf.ones([batch, 1]) : tf.oneHot(tf.zeros([batch], 'int32'), length); // [B, T]
  const each = <T extends tf.Tensor>(tensor: T, shape: number[]): T =>
    tf.add(tf.mul(tensor, tf.reshape(keep, shape)), tf.mul(vector, tf.reshape(drop, shape)));
  return {
    pooled: each(output.pooled, [batch, 1]),
    sequence: each(output.sequence, [batch, 1, 1]),
    mask: tf.add<tf.Tensor2D>(tf.mul(mask, keep), tf.mul(tf.cast(first, 'float32'), drop)),
  };
}
