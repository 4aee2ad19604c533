import { checkFields, checkPositive, type Encoded, type Fused, type FusedOutputs } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { randomNormal } from './random-normal.js';

/**
 * What an encoder might give: random vectors, and sequences whose last positions are padding in every second row.
 *
 * @param length tokens of the sequence
 */
export function randomEncoderOutput(size: number, length: number, width: number, seed: number): Encoded {
  for (const [what, value] of Object.entries({ size, length, width }))
    checkPositive('testing.randomEncoderOutput', what, value);
  const mask = Float32Array.from({ length: size * length }, (_, i) => {
    const [row, position] = [Math.floor(i / length), i % length];
    return row % 2 === 1 && position >= Math.ceil(length / 2) ? 0 : 1;
  });
  return {
    pooled: randomNormal<tf.Rank.R2>([size, width], seed),
    sequence: randomNormal<tf.Rank.R3>([size, length, width], seed + 1),
    mask: tf.tensor2d(mask, [size, length]),
  };
}

/** How the outputs of a made-up model look. */
export interface TowerOutputsOptions {
  /** How close text i is to picture i: 0 unrelated, 1 equal. Default 0. */
  readonly alignment?: number;
  /** Rows whose vectors are zero. */
  readonly zeroRows?: readonly number[];
}

/** The tensors that a made-up model's outputs are computed from, so that gradients to them can be asked for. */
export interface TowerVectors {
  readonly image: tf.Tensor2D;
  readonly text: tf.Tensor2D;
}

/** Random vectors of both towers. */
export function randomTowers(
  size: number,
  width: number,
  seed: number,
  options: TowerOutputsOptions = {},
): TowerVectors {
  const { alignment = 0, zeroRows = [] } = options;
  return tf.tidy(() => {
    const kept = tf.tensor2d(
      Float32Array.from({ length: size }, (_, row) => (zeroRows.includes(row) ? 0 : 1)),
      [size, 1],
    );
    const image = randomNormal<tf.Rank.R2>([size, width], seed);
    const other = randomNormal<tf.Rank.R2>([size, width], seed + 1);
    const text = tf.add(tf.mul(image, alignment), tf.mul(other, 1 - alignment));
    return { image: tf.mul<tf.Tensor2D>(image, kept), text: tf.mul<tf.Tensor2D>(text, kept) };
  });
}

/**
 * The outputs of a made-up model with a fusion: the fused vector is the product of both normalised vectors, a match
 * logit its sum, so that pairs which belong together score higher.
 */
export function fusedOutputs(vectors: TowerVectors): FusedOutputs {
  checkFields('testing.fusedOutputs', 'vectors', vectors, ['image', 'text']);
  const { image, text } = vectors;
  const [size, width] = image.shape;
  const output = (pooled: tf.Tensor2D): Encoded => ({ pooled, sequence: tf.reshape(pooled, [size, 1, width]) });
  const normalized = (x: tf.Tensor2D) => tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-6)));
  return {
    image: output(image),
    text: output(text),
    logitScale: tf.scalar(Math.log(10)),
    logitBias: tf.scalar(-1),
    fuse: (imageRows?: tf.Tensor1D, textRows?: tf.Tensor1D): Fused => {
      const pick = (x: tf.Tensor2D, rows?: tf.Tensor1D) => (rows ? tf.gather(x, rows) : x);
      return { fused: tf.mul(normalized(pick(image, imageRows)), normalized(pick(text, textRows))) };
    },
    matchLogits: (fused) => tf.sum(fused, 1),
  };
}
