import {
  ConfigError,
  checkOptions,
  checkPositive,
  type Head,
  type LabelNumbers,
  Matrix,
  type MatrixData,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { accuracy, auroc, macroF1 } from '@diptych/metrics';
import { generatorOf, Linear, Module, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { binaryCrossEntropy, crossEntropy } from './label-losses.js';
import { rowsWith } from './label-rows.js';

/** Options of {@link Classification}. */
export interface ClassificationOptions extends RandomWeights {
  /** Width of the vectors that it reads. */
  readonly embedDim: number;
  /** How many classes there are, or their names in the order of their numbers. */
  readonly classes: number | readonly string[];
  /** The joint vector, or a tower's. Default `fused`. */
  readonly on?: Head['on'];
  /** An item may have any number of the classes; labels are then [N, C] of 0 and 1. Default false. */
  readonly multiLabel?: boolean;
  /** How much an item of each class counts (torch's `weight`); with `multiLabel` how much a positive counts (`pos_weight`). */
  readonly classWeights?: readonly number[];
  /** Share of the target that is spread over all classes, in [0, 1). Default 0. */
  readonly labelSmoothing?: number;
}

const OPTIONS: OptionNames<ClassificationOptions> = {
  embedDim: 'required',
  classes: 'required',
  on: 'optional',
  multiLabel: 'optional',
  classWeights: 'optional',
  labelSmoothing: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * A linear layer that reads a class, or several, out of a pair's vector. Labels are class numbers from 0 (below 0: none), or with
 * `multiLabel` rows of 0 and 1 (NaN: not known).
 *
 * Loss: torch's `cross_entropy`, or `binary_cross_entropy_with_logits`. Metrics: `accuracy`, `macroF1`, `auroc`.
 */
export class Classification extends Module implements Head {
  readonly linear: Linear;
  readonly embedDim: number;
  readonly on: Head['on'];
  /** Names by class number; undefined where only their number was given. */
  readonly classNames: readonly string[] | undefined;
  readonly multiLabel: boolean;
  readonly classWeights: readonly number[] | undefined;
  readonly labelSmoothing: number;

  /** @throws ConfigError if there are no classes (one at least with `multiLabel`, else two), or an option is out of range */
  constructor(options: ClassificationOptions) {
    super();
    checkOptions('train.Classification', options, OPTIONS);
    const { embedDim, classes, on = 'fused', multiLabel = false, classWeights, labelSmoothing = 0 } = options;
    checkPositive('train.Classification', 'embedDim', embedDim);
    const count = typeof classes === 'number' ? classes : Array.isArray(classes) ? classes.length : Number.NaN;
    if (!(Number.isInteger(count) && count >= (multiLabel ? 1 : 2))) {
      throw new ConfigError({
        where: 'train.Classification',
        expected: multiLabel ? 'one class or more' : 'two classes or more',
        got: String(typeof classes === 'object' && classes ? count : classes),
      });
    }
    if (classWeights && (classWeights.length !== count || !classWeights.every((weight) => weight >= 0))) {
      throw new ConfigError({
        where: 'train.Classification',
        expected: `${count} classWeights from 0`,
        got: `[${classWeights.join(', ')}]`,
      });
    }
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new ConfigError({
        where: 'train.Classification',
        expected: 'labelSmoothing in [0, 1)',
        got: String(labelSmoothing),
      });
    }
    this.embedDim = embedDim;
    this.on = on;
    this.classNames = typeof classes === 'number' ? undefined : [...classes];
    this.multiLabel = multiLabel;
    this.classWeights = classWeights;
    this.labelSmoothing = labelSmoothing;
    this.linear = new Linear(embedDim, count, { generator: generatorOf(options, 'train/classification') });
  }

  /** [B, embedDim] -> logits [B, C]. */
  forward(vectors: tf.Tensor2D): tf.Tensor2D {
    return this.linear.forward(vectors);
  }

  loss(logits: tf.Tensor2D, labels: tf.Tensor): tf.Scalar {
    const { labelSmoothing, multiLabel } = this;
    const classWeights = this.classWeights && tf.tensor1d([...this.classWeights]);
    const terms = { classWeights, labelSmoothing };
    return multiLabel
      ? binaryCrossEntropy(logits, tf.reshape(labels, logits.shape), terms)
      : crossEntropy(logits, labels, terms);
  }

  metrics(logits: MatrixData, labels: LabelNumbers): Readonly<Record<string, number>> {
    const { rows, right } = rowsWith(logits, labels, this.multiLabel);
    const probabilities = this.values(rows);
    if (this.multiLabel) {
      const found = new Matrix(
        Float32Array.from(rows.data, (logit) => (logit > 0 ? 1 : 0)),
        rows.shape,
      );
      return {
        accuracy: accuracy(found, right),
        macroF1: macroF1(found, right),
        auroc: auroc(probabilities, right),
        items: rows.shape[0],
      };
    }
    const found = Array.from({ length: rows.shape[0] }, (_, row) => largestOf(rows.row(row)));
    const truth = right.data;
    return {
      accuracy: accuracy(found, truth),
      macroF1: macroF1(found, truth),
      auroc: auroc(probabilities, truth),
      items: rows.shape[0],
    };
  }

  /** Logits [N, C] -> probabilities: of one class each row sums to 1, of several each entry stands by itself. */
  values({ data, shape }: MatrixData): Matrix {
    const [rows, count] = shape;
    const out = new Float32Array(data.length);
    for (let row = 0; row < rows; row++) {
      const logits = data.subarray(row * count, (row + 1) * count);
      if (this.multiLabel) {
        for (let c = 0; c < count; c++) out[row * count + c] = 1 / (1 + Math.exp(-logits[c]!));
        continue;
      }
      const highest = Math.max(...logits);
      let total = 0;
      for (let c = 0; c < count; c++) total += Math.exp(logits[c]! - highest);
      for (let c = 0; c < count; c++) out[row * count + c] = Math.exp(logits[c]! - highest) / total;
    }
    return new Matrix(out, shape);
  }

  override describe(): PartDescription {
    const { embedDim, on, multiLabel, classWeights, labelSmoothing } = this;
    const classes = this.classNames ?? this.linear.outFeatures;
    return {
      kind: 'train/classification',
      options: { embedDim, classes, on, multiLabel, classWeights, labelSmoothing },
    };
  }
}

function largestOf(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
