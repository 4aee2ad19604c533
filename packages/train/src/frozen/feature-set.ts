import { ConfigError, type PairBatch, SampleRandom, siteOf } from '@diptych/core';
import { type Embeddings, takeRows } from '../metrics/embeddings.js';
import type { BatchSource } from '../trainer/options.js';
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

const SHUFFLE_SITE = siteOf('train.FeatureSet.shuffle');

/** What two frozen towers gave for every pair of a data set. */
export class FeatureSet {
  readonly image: Embeddings;
  readonly text: Embeddings;
  readonly ids: readonly string[];

  /** @throws ConfigError if the rows are not as many as the ids */
  constructor(image: Embeddings, text: Embeddings, ids: readonly string[]) {
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
  }

  /** A head to train on the image features. */
  imageHead(options: Omit<FeatureHeadOptions, 'featureDim'>): ImageFeatureHead {
    return new ImageFeatureHead({ ...options, featureDim: this.image.shape[1] });
  }

  /** A head to train on the text features. */
  textHead(options: Omit<FeatureHeadOptions, 'featureDim'>): TextFeatureHead {
    return new TextFeatureHead({ ...options, featureDim: this.text.shape[1] });
  }

  /** Batches of features for `Trainer.fit`; the order depends on seed and epoch alone. */
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
      epoch: (epoch) => batches(shuffle ? permutation(total, seed, epoch) : undefined, batchSize, count),
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
      };
    }
  }
}

/** Fisher and Yates's shuffle. */
function permutation(length: number, seed: number, epoch: number): Uint32Array {
  const random = new SampleRandom({ training: true, seed, epoch, item: 0 }, SHUFFLE_SITE);
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
