import {
  ConfigError,
  checkList,
  checkMatrix,
  type LabelNumbers,
  type MatrixData,
  type PairBatch,
  permutation,
  takeRows,
} from '@diptych/core';
import type { BatchSource } from '../batches/batch-source.js';
import { type FeatureHeadOptions, ImageFeatureHead, TextFeatureHead } from './feature-heads.js';

/** How stored features are batched. */
export interface FeatureBatchOptions {
  readonly batchSize: number;
  /** Of the order of each epoch; default 0. */
  readonly seed?: number;
  /** Default true. */
  readonly shuffle?: boolean;
  /** Default true: a ragged last batch would be compiled for itself. */
  readonly dropLast?: boolean;
}

/** What two frozen towers gave for every pair of a data set. */
export class FeatureSet {
  readonly image: MatrixData;
  readonly text: MatrixData;
  readonly ids: readonly string[];
  /** By column, [N] or [N, C]. */
  readonly labels: { readonly [name: string]: LabelNumbers };

  /** @throws ConfigError if the rows are not as many as the ids */
  constructor(
    image: MatrixData,
    text: MatrixData,
    ids: readonly string[],
    labels: { readonly [name: string]: LabelNumbers } = {},
  ) {
    checkMatrix('train.FeatureSet', 'image', image);
    checkMatrix('train.FeatureSet', 'text', text);
    checkList('train.FeatureSet', 'ids', ids);
    if (image.shape[0] !== ids.length || text.shape[0] !== ids.length) {
      throw new ConfigError({
        where: 'train.FeatureSet',
        expected: `${ids.length} rows, one an id`,
        got: `${image.shape[0]} images and ${text.shape[0]} texts`,
      });
    }
    this.image = image;
    this.text = text;
    this.ids = ids;
    this.labels = labels;
  }

  /** A head to train on the image features. */
  imageHead(options: Omit<FeatureHeadOptions, 'featureDim'>): ImageFeatureHead {
    return new ImageFeatureHead({ ...options, featureDim: this.image.shape[1] });
  }

  /** A head to train on the text features. */
  textHead(options: Omit<FeatureHeadOptions, 'featureDim'>): TextFeatureHead {
    return new TextFeatureHead({ ...options, featureDim: this.text.shape[1] });
  }

  /**
   * Batches of features for `Trainer.fit`; the order depends on seed and epoch alone. Evaluation reads all rows in their order.
   */
  source({ batchSize, seed = 0, shuffle = true, dropLast = true }: FeatureBatchOptions): BatchSource {
    const total = this.ids.length;
    const count = dropLast ? Math.floor(total / batchSize) : Math.ceil(total / batchSize);
    if (!(Number.isInteger(batchSize) && batchSize > 0) || count === 0) {
      throw new ConfigError({
        where: 'train.FeatureSet.source',
        expected: `a batchSize between 1 and ${total}`,
        got: String(batchSize),
      });
    }
    const batches = this.#batches.bind(this);
    return {
      batchesPerEpoch: count,
      labels: Object.keys(this.labels),
      inOrder: () => batches(undefined, batchSize, Math.ceil(total / batchSize)),
      epoch: (epoch) =>
        batches(shuffle ? permutation(total, seed, epoch, 'train.FeatureSet.shuffle') : undefined, batchSize, count),
    };
  }

  *#batches(order: Uint32Array | undefined, batchSize: number, count: number): Iterable<PairBatch> {
    for (let b = 0; b < count; b++) {
      const size = Math.min(batchSize, this.ids.length - b * batchSize);
      const rows = Array.from({ length: size }, (_, i) => order?.[b * batchSize + i] ?? b * batchSize + i);
      const image = takeRows(this.image, rows);
      yield {
        size,
        pixels: { data: image.data, shape: [size, 1, 1, image.shape[1]] },
        tokens: {
          shape: [size, 1],
          inputIds: new Int32Array(size),
          attentionMask: new Int32Array(size).fill(1),
          features: takeRows(this.text, rows).data,
        },
        ids: rows.map((row) => this.ids[row]!),
        labels: Object.fromEntries(
          Object.entries(this.labels).map(([name, values]) => [name, takeLabels(values, this.ids.length, rows)]),
        ),
      };
    }
  }
}

function takeLabels(values: LabelNumbers, total: number, rows: readonly number[]): LabelNumbers {
  const width = values.length / total;
  const taken = rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]);
  return values instanceof Int32Array ? Int32Array.from(taken) : Float32Array.from(taken);
}
