import { ConfigError, checkDtype, checkShape, type OptionNames } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { checkLayer } from './check-layer.js';
import { ensureKernel, sumRowsById } from './composed-kernels.js';
import type { Generator } from './generator.js';
import { type Initializer, normal } from './init.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** Options of {@link Embedding}. */
export interface EmbeddingOptions {
  readonly generator: Generator;
  /** Default N(0, 1), as torch. */
  readonly init?: Initializer;
  /** This row starts as zeros and gets no gradient, as torch's padding_idx. */
  readonly paddingIdx?: number;
}

const OPTIONS: OptionNames<EmbeddingOptions> = {
  generator: 'required',
  init: 'optional',
  paddingIdx: 'optional',
};

/** torch.nn.Embedding: rows of `weight` [numEmbeddings, embeddingDim] by int32 ids of any shape. */
export class Embedding extends Module {
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly paddingIdx: number | undefined;
  readonly embeddingDim: number;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions) {
    super();
    checkLayer('nn.Embedding', { numEmbeddings, embeddingDim }, options, OPTIONS);
    const { generator, init = normal(), paddingIdx } = options;
    if (paddingIdx !== undefined && !(Number.isInteger(paddingIdx) && paddingIdx >= 0 && paddingIdx < numEmbeddings)) {
      throw new ConfigError({
        where: 'nn.Embedding',
        expected: `paddingIdx to be a row of ${numEmbeddings}`,
        got: String(paddingIdx),
      });
    }
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx;
    const initial: tf.Tensor2D = init([numEmbeddings, embeddingDim], generator);
    this.weight = parameter(paddingIdx === undefined ? initial : withZeroRow(initial, paddingIdx));
  }

  /** Rows of the table. */
  get numEmbeddings(): number {
    return this.weight.shape[0];
  }

  /**
   * Puts a longer or shorter table in the place of this one: another variable under the same name, trained if the old one
   * was. Optimizers and compiled functions that hold the old one have to be made again.
   *
   * @param table [rows, embeddingDim], which is taken over
   * @throws ShapeError if its rows have another width
   */
  replaceTable(table: tf.Tensor2D): void {
    checkShape('nn.Embedding', 'table', table, ['rows', this.embeddingDim]);
    const next = parameter(table);
    next.trainable = this.weight.trainable;
    this.weight.dispose();
    (this as { weight: tf.Variable<tf.Rank.R2> }).weight = next;
  }

  /** int32 [...] -> float32 [..., embeddingDim]. */
  forward(ids: tf.Tensor1D): tf.Tensor2D;
  forward(ids: tf.Tensor2D): tf.Tensor3D;
  forward(ids: tf.Tensor): tf.Tensor;
  forward(ids: tf.Tensor): tf.Tensor {
    checkDtype('nn.Embedding', 'ids', ids, 'int32');
    const rows = tf.getBackend() === 'cpu' ? gatherSparingMemory(this.weight, ids) : this.#gather(ids);
    return this.paddingIdx === undefined ? rows : withoutGradientAt(rows, ids, this.paddingIdx);
  }

  #gather(ids: tf.Tensor): tf.Tensor {
    ensureKernel('UnsortedSegmentSum');
    return tf.gather(this.weight, ids);
  }
}

/**
 * `tf.gather` of rows whose gradient is a scatter: the segment sum of tfjs-backend-cpu keeps a copy of all rows for each row
 * of the table until it is done, 20 GB for a vocabulary of 1,500 and 16,000 tokens.
 */
function gatherSparingMemory(table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  return withGradient([table], (save, rows) => {
    save([ids]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const flat: tf.Tensor1D = tf.reshape(saved[0]!, [-1]);
      return [sumRowsById(tf.reshape(dy, [flat.size, table.shape[1]]), flat, table.shape[0])];
    };
    return { value: tf.gather(rows, ids), gradFunc };
  });
}

/** Takes `table` over. */
function withZeroRow(table: tf.Tensor2D, row: number): tf.Tensor2D {
  return tf.tidy(() => {
    const padding = tf.equal(tf.range(0, table.shape[0], 1, 'int32'), tf.scalar(row, 'int32'));
    const result = tf.where(tf.expandDims(padding, 1), tf.zerosLike(table), table);
    table.dispose();
    return result;
  });
}

/** The rows as they are; gradients of rows with the padding id are dropped. */
function withoutGradientAt(rows: tf.Tensor, ids: tf.Tensor, paddingIdx: number): tf.Tensor {
  return withGradient([rows], (save, input) => {
    save([ids]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const keep = tf.cast(tf.notEqual(saved[0]!, tf.scalar(paddingIdx, 'int32')), 'float32');
      return [tf.mul(dy, tf.expandDims(keep, -1))];
    };
    return { value: tf.clone(input), gradFunc };
  });
}
