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
import * as tf from '@tensorflow/tfjs-core';
import { meanSquaredError } from './label-losses.js';
import { checkLabelCount, rowsWith } from './label-rows.js';
import { LINEAR_HEAD, LinearHead, type LinearHeadOptions } from './linear-head.js';

/** Options of {@link Regression}. */
export interface RegressionOptions extends LinearHeadOptions {
  /** Numbers an item, default 1. */
  readonly outputs?: number;
}

const WHERE = 'train.Regression';

const OPTIONS: OptionNames<RegressionOptions> = { ...LINEAR_HEAD, outputs: 'optional' };

/**
 * A linear layer that reads numbers out of a pair's vector. Labels are [N], or [N, outputs] row by row (NaN: not known); bring them to
 * about mean 0 and variance 1 first.
 *
 * Loss: torch's `mse_loss`. Metrics: `r2`, `rmse`.
 */
export class Regression extends LinearHead implements Head {
  /** @throws ConfigError if a width is not a whole number above 0 */
  constructor(options: RegressionOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { outputs = 1 } = options;
    checkPositive(WHERE, 'outputs', outputs);
    super(WHERE, options, outputs, 'train/regression');
  }

  /** @throws ShapeError unless there are as many numbers a row as the head gives */
  checkLabels(labels: LabelNumbers, rows: number): void {
    checkLabelCount(WHERE, labels, [rows, this.linear.outFeatures]);
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
