import {
  checkOptions,
  checkPositive,
  type Head,
  type LabelNumbers,
  Matrix,
  type MatrixData,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { r2 } from '@diptych/metrics';
import { generatorOf, Linear, Module, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { meanSquaredError } from './label-losses.js';
import { rowsWith } from './label-rows.js';

/** Options of {@link Regression}. */
export interface RegressionOptions extends RandomWeights {
  /** Width of the vectors that it reads. */
  readonly embedDim: number;
  /** Numbers an item, default 1. */
  readonly outputs?: number;
  /** The joint vector, or a tower's. Default `fused`. */
  readonly on?: Head['on'];
}

const OPTIONS: OptionNames<RegressionOptions> = {
  embedDim: 'required',
  outputs: 'optional',
  on: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * A linear layer that reads numbers out of a pair's vector. Labels are [N], or [N, outputs] row by row (NaN: not known); bring them to
 * about mean 0 and variance 1 first.
 *
 * Loss: torch's `mse_loss`. Metrics: `r2`, `rmse`.
 */
export class Regression extends Module implements Head {
  readonly linear: Linear;
  readonly embedDim: number;
  readonly on: Head['on'];

  constructor(options: RegressionOptions) {
    super();
    checkOptions('train.Regression', options, OPTIONS);
    const { embedDim, outputs = 1, on = 'fused' } = options;
    checkPositive('train.Regression', 'embedDim', embedDim);
    checkPositive('train.Regression', 'outputs', outputs);
    this.embedDim = embedDim;
    this.on = on;
    this.linear = new Linear(embedDim, outputs, { generator: generatorOf(options, 'train/regression') });
  }

  /** [B, embedDim] -> [B, outputs]. */
  forward(vectors: tf.Tensor2D): tf.Tensor2D {
    return this.linear.forward(vectors);
  }

  loss(predictions: tf.Tensor2D, labels: tf.Tensor): tf.Scalar {
    return meanSquaredError(predictions, tf.reshape(labels, predictions.shape));
  }

  metrics(predictions: MatrixData, labels: LabelNumbers): Readonly<Record<string, number>> {
    const { rows, right } = rowsWith(predictions, labels, true);
    const squares = rows.data.reduce((sum, value, i) => sum + (value - right.data[i]!) ** 2, 0);
    return { r2: r2(rows, right), rmse: Math.sqrt(squares / rows.data.length), items: rows.shape[0] };
  }

  /** The numbers as they are. */
  values({ data, shape }: MatrixData): Matrix {
    return new Matrix(data, shape);
  }

  override describe(): PartDescription {
    const { embedDim, on, linear } = this;
    return { kind: 'train/regression', options: { embedDim, outputs: linear.outFeatures, on } };
  }
}
