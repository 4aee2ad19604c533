import { Matrix, type MatrixData } from '@diptych/core';
import { FeatureSet, type ImageFeatureHead, type TextFeatureHead } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import type { FirstHeads } from './fit-heads.js';

/** Mean and scale of a tower's features, by entry. */
interface Statistics {
  readonly mean: Float32Array;
  /** 1 / standard deviation. */
  readonly factor: Float32Array;
}

/**
 * Features at mean 0 and standard deviation 1: what all pictures have in common says nothing of any, and without it a linear head
 * learns in a tenth of the steps. The statistics are of the training pairs; {@link FeatureScale.fold} puts them into a trained
 * head, so that the model needs nothing beside its towers and heads.
 */
export class FeatureScale {
  readonly #image: Statistics;
  readonly #text: Statistics;

  /** @param training of the pairs that are trained on */
  constructor(training: Pick<FeatureSet, 'image' | 'text'>) {
    this.#image = statisticsOf(training.image);
    this.#text = statisticsOf(training.text);
  }

  apply({ image, text, ids, labels }: FeatureSet): FeatureSet {
    return new FeatureSet(scaled(image, this.#image), scaled(text, this.#text), ids, labels);
  }

  /** Heads that give a tower's own features again: the space of towers that share one. */
  undoing(): FirstHeads {
    return {
      image: diagonal(this.#image),
      text: diagonal(this.#text),
      biases: { image: this.#image.mean, text: this.#text.mean },
    };
  }

  /** Changes heads that were trained on scaled features so that they take the towers' own. */
  fold(heads: { readonly image: ImageFeatureHead; readonly text: TextFeatureHead }): void {
    foldInto(heads.image.linear, this.#image);
    foldInto(heads.text.linear, this.#text);
  }
}

function statisticsOf({ data, shape: [rows, width] }: MatrixData): Statistics {
  const mean = new Float64Array(width);
  for (const [i, value] of data.entries()) mean[i % width]! += value / rows;
  const variance = new Float64Array(width);
  for (const [i, value] of data.entries()) variance[i % width]! += (value - mean[i % width]!) ** 2 / rows;
  // an entry that never changes stays at 0
  const typical = variance.reduce((sum, value) => sum + value, 0) / width;
  const factor = Float32Array.from(variance, (value) => (value > 1e-6 * typical ? 1 / Math.sqrt(value) : 0));
  return { mean: Float32Array.from(mean), factor };
}

function scaled({ data, shape }: MatrixData, { mean, factor }: Statistics): Matrix {
  const width = shape[1];
  return new Matrix(
    data.map((value, i) => (value - mean[i % width]!) * factor[i % width]!),
    shape,
  );
}

/** `W ((x - mean) * factor) + b` is `(W * factor) x + (b - W (mean * factor))`. */
function foldInto({ weight, bias }: ImageFeatureHead['linear'], { mean, factor }: Statistics): void {
  tf.tidy(() => {
    const narrowed = tf.mul(weight, tf.tensor1d(factor)); // [out, in]
    const shift = tf.matMul(narrowed as tf.Tensor2D, tf.tensor2d(mean, [mean.length, 1])); // [out, 1]
    bias!.assign(tf.sub(bias!, tf.reshape(shift, [-1])));
    weight.assign(narrowed as tf.Tensor2D);
  });
}

function diagonal({ factor }: Statistics): Matrix {
  const width = factor.length;
  const data = new Float32Array(width * width);
  for (const [i, value] of factor.entries()) data[i * width + i] = value === 0 ? 0 : 1 / value;
  return new Matrix(data, [width, width]);
}
