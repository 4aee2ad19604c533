import {
  ConfigError,
  checkOptions,
  type Head,
  InputError,
  type LabelNumbers,
  Matrix,
  type MatrixData,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import { accuracy, auroc, macroF1 } from '@diptych/metrics';
import * as tf from '@tensorflow/tfjs-core';
import { binaryCrossEntropy, crossEntropy } from './label-losses.js';
import { checkLabelCount, rowsWith } from './label-rows.js';
import { LINEAR_HEAD, LinearHead, type LinearHeadOptions } from './linear-head.js';

/** Options of {@link Classification}. */
export interface ClassificationOptions extends LinearHeadOptions {
  /** How many classes there are, or their names in the order of their numbers. */
  readonly classes: number | readonly string[];
  /** An item may have any number of the classes; labels are then [N, C] of 0 and 1. Default false. */
  readonly multiLabel?: boolean;
  /** How much an item of each class counts (torch's `weight`); with `multiLabel` how much a positive counts (`pos_weight`). */
  readonly classWeights?: readonly number[];
  /** Share of the target that is spread over all classes, in [0, 1). Default 0. */
  readonly labelSmoothing?: number;
}

const WHERE = 'train.Classification';

const OPTIONS: OptionNames<ClassificationOptions> = {
  ...LINEAR_HEAD,
  classes: 'required',
  multiLabel: 'optional',
  classWeights: 'optional',
  labelSmoothing: 'optional',
};

/**
 * A linear layer that reads a class, or several, out of a pair's vector. Labels are class numbers from 0 (below 0: none), or with
 * `multiLabel` rows of 0 and 1 (NaN: not known).
 *
 * Loss: torch's `cross_entropy`, or `binary_cross_entropy_with_logits`. Metrics: `accuracy`, `macroF1`, `auroc`.
 */
export class Classification extends LinearHead implements Head {
  /** Names by class number; undefined where only their number was given. */
  readonly classNames: readonly string[] | undefined;
  readonly multiLabel: boolean;
  readonly classWeights: readonly number[] | undefined;
  readonly labelSmoothing: number;

  /** @throws ConfigError if there are no classes (one at least with `multiLabel`, else two), or an option is out of range */
  constructor(options: ClassificationOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { classes, multiLabel = false, classWeights, labelSmoothing = 0 } = options;
    const count = typeof classes === 'number' ? classes : Array.isArray(classes) ? classes.length : Number.NaN;
    if (!(Number.isInteger(count) && count >= (multiLabel ? 1 : 2))) {
      throw new ConfigError({
        where: WHERE,
        expected: multiLabel ? 'one class or more' : 'two classes or more',
        got: String(typeof classes === 'object' && classes ? count : classes),
      });
    }
    if (classWeights && (classWeights.length !== count || !classWeights.every((weight) => weight >= 0))) {
      throw new ConfigError({
        where: WHERE,
        expected: `${count} classWeights from 0`,
        got: `[${classWeights.join(', ')}]`,
      });
    }
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new ConfigError({
        where: WHERE,
        expected: 'labelSmoothing in [0, 1)',
        got: String(labelSmoothing),
      });
    }
    super(WHERE, options, count, 'train/classification');
    this.classNames = typeof classes === 'number' ? undefined : [...classes];
    this.multiLabel = multiLabel;
    this.classWeights = classWeights;
    this.labelSmoothing = labelSmoothing;
  }

  /** @throws InputError for a class number that there is not, ShapeError unless there is one a row, or with `multiLabel` one a class */
  checkLabels(labels: LabelNumbers, rows: number): void {
    const { outFeatures: count } = this.linear;
    checkLabelCount(WHERE, labels, [rows, this.multiLabel ? count : 1]);
    const outside = this.multiLabel ? undefined : labels.find((label: number) => label >= count);
    if (outside === undefined) return;
    throw new InputError({
      where: `${WHERE}: labels`,
      expected: `class numbers up to ${count - 1}, for its ${count} classes`,
      got: String(outside),
      remedy: "build the head with the names of the training's loader: classes: (await loader.labelNames()).group",
    });
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
