import {
  ConfigError,
  checkMatrix,
  checkOptions,
  checkPositive,
  type MatrixData,
  type OptionNames,
  TrainingError,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { minimize } from './lbfgs.js';

/** Options of {@link linearProbe}. */
export interface LinearProbeOptions {
  /** Inverse strength of the penalty on the weights, as scikit-learn's `C`. Default 1. */
  readonly C?: number;
  /** Most iterations of L-BFGS, default 200. */
  readonly maxIterations?: number;
}

const OPTIONS: OptionNames<LinearProbeOptions> = { C: 'optional', maxIterations: 'optional' };

/** A trained probe. */
export interface LinearProbe {
  /** [classes, D]. */
  readonly weight: MatrixData;
  /** [classes]. */
  readonly bias: Float32Array;
  /** Class numbers of some vectors. */
  predict(features: MatrixData): Int32Array;
  /** Share of vectors whose class it finds. */
  accuracy(features: MatrixData, labels: ArrayLike<number>): number;
}

/**
 * Multinomial logistic regression on frozen features: how much a linear layer can read out of them. Minimises the sum of
 * cross-entropies + |W|^2 / (2 C) by L-BFGS, the biases free, as scikit-learn's `LogisticRegression`.
 *
 * @param features [N, D]
 * @param labels class numbers from 0, one a row
 * @throws ConfigError for an unknown option, if labels are not as many as rows or no class numbers, or there are fewer than two classes
 */
export async function linearProbe(
  features: MatrixData,
  labels: ArrayLike<number>,
  options: LinearProbeOptions = {},
): Promise<LinearProbe> {
  const where = 'metrics.linearProbe';
  checkMatrix(where, 'features', features);
  checkOptions(where, options, OPTIONS);
  const { C = 1, maxIterations = 200 } = options;
  checkPositive(where, 'maxIterations', maxIterations);
  const [rows, width] = features.shape;
  const classes = Array.from(labels ?? []).reduce((most, label) => Math.max(most, label + 1), 0);
  if (labels?.length !== rows || !(classes >= 2) || !(typeof C === 'number' && C > 0)) {
    throw new ConfigError({
      where,
      expected: `${rows} labels of at least two classes, and C above 0`,
      got: `${labels?.length ?? 'no'} labels, ${classes} classes, C ${C}`,
    });
  }
  const odd = Array.from(labels).findIndex((label) => !(Number.isInteger(label) && label >= 0));
  if (odd >= 0) {
    const got = `${labels[odd]} in row ${odd}`;
    throw new ConfigError({ where, expected: 'class numbers, whole and from 0', got, remedy: 'number the classes' });
  }
  const x = tf.tensor2d(features.data, [rows, width]);
  try {
    const start = new Float64Array(classes * (width + 1));
    const { solution, converged } = await minimize(
      (w) => objective(x, labels, w, classes, width, C),
      start,
      maxIterations,
    );
    if (!converged && !Number.isFinite(solution[0])) {
      throw new TrainingError({ where, problem: 'the probe diverged', remedy: 'normalise the features' });
    }
    return probe(solution, classes, width);
  } finally {
    x.dispose();
  }
}

/** Value and gradient at `w`: weights [classes, width], then biases. The two products run on the backend. */
async function objective(
  x: tf.Tensor2D,
  labels: ArrayLike<number>,
  w: Float64Array,
  classes: number,
  width: number,
  C: number,
): Promise<{ value: number; gradient: Float64Array }> {
  const [rows] = x.shape;
  const weights = w.subarray(0, classes * width);
  const product = tf.tidy(() => tf.matMul(x, tf.tensor2d(Float32Array.from(weights), [classes, width]), false, true));
  const scores = await product.data();
  product.dispose();
  const errors = new Float32Array(rows * classes);
  const gradient = new Float64Array(w.length);
  let value = 0;
  for (let row = 0; row < rows; row++) {
    const begin = row * classes;
    const logits = Array.from({ length: classes }, (_, c) => scores[begin + c]! + w[classes * width + c]!);
    const highest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
    value += highest + Math.log(total) - logits[labels[row]!]!;
    for (let c = 0; c < classes; c++) {
      const error = Math.exp(logits[c]! - highest) / total - (labels[row] === c ? 1 : 0);
      errors[begin + c] = error;
      gradient[classes * width + c]! += error;
    }
  }
  const slope = tf.tidy(() => tf.matMul(tf.tensor2d(errors, [rows, classes]), x, true, false));
  const slopes = await slope.data();
  slope.dispose();
  for (let i = 0; i < weights.length; i++) {
    value += weights[i]! ** 2 / (2 * C);
    gradient[i] = slopes[i]! + weights[i]! / C;
  }
  return { value, gradient };
}

function probe(solution: Float64Array, classes: number, width: number): LinearProbe {
  const weight: MatrixData = {
    data: Float32Array.from(solution.subarray(0, classes * width)),
    shape: [classes, width],
  };
  const bias = Float32Array.from(solution.subarray(classes * width));
  const predict = (features: MatrixData): Int32Array => {
    checkMatrix('metrics.LinearProbe.predict', 'features', features, width);
    return tf.tidy(() => {
      const x = tf.tensor2d(features.data, [...features.shape]);
      const logits = tf.add(tf.matMul(x, tf.tensor2d(weight.data, [classes, width]), false, true), bias);
      return Int32Array.from(tf.argMax(logits, 1).dataSync());
    });
  };
  const accuracy = (features: MatrixData, labels: ArrayLike<number>): number => {
    const found = predict(features);
    return found.filter((label, i) => label === labels[i]).length / Math.max(1, found.length);
  };
  return { weight, bias, predict, accuracy };
}
