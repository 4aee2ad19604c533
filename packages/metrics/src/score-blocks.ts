import { checkMatrix, checkOptions, type MatrixData } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { inverseLengths, normalizeRows } from './rows.js';

/** Options of everything that compares all queries with all candidates. */
export interface BlockOptions {
  /** Most memory for scores at a time, in bytes; default 4 MiB. */
  readonly blockBytes?: number;
}

/** Scores of some queries with every candidate. */
export interface ScoreBlock {
  /** Number of the first query in the block. */
  readonly first: number;
  readonly rows: number;
  /** [rows, candidates] of cosine similarities. */
  readonly scores: Float32Array;
}

/**
 * Cosine similarities of all queries with all candidates, some queries at a time, computed by the current backend.
 *
 * Memory beyond the inputs: a few blocks, whatever the number of candidates; they go to the backend as they are,
 * and scores are divided by their lengths. All blocks have one shape inside (the last is padded), so that equal vectors
 * have equal scores in every block.
 *
 * @throws ShapeError if the widths differ
 */
export async function* scoreBlocks(
  queries: MatrixData,
  candidates: MatrixData,
  options: BlockOptions = {},
): AsyncGenerator<ScoreBlock> {
  const where = 'metrics';
  checkOptions(where, options, { blockBytes: 'optional' });
  const { blockBytes = 4 * 2 ** 20 } = options;
  checkMatrix(where, 'queries', queries);
  checkMatrix(where, 'candidates', candidates, queries.shape[1]);
  const [count, width] = queries.shape;
  const [total] = candidates.shape;
  const rowsPerBlock = Math.max(1, Math.min(count, Math.floor(blockBytes / (4 * Math.max(1, total)))));
  const columns = tf.tensor2d(candidates.data, [total, width]);
  const factors = tf.tensor1d(inverseLengths(candidates));
  try {
    for (let first = 0; first < count; first += rowsPerBlock) {
      const rows = Math.min(rowsPerBlock, count - first);
      const padded = new Float32Array(rowsPerBlock * width);
      const part = queries.data.subarray(first * width, (first + rows) * width);
      padded.set(normalizeRows({ data: part, shape: [rows, width] }).data);
      const product = tf.tidy(() =>
        tf.mul(tf.matMul(tf.tensor2d(padded, [rowsPerBlock, width]), columns, false, true), factors),
      );
      try {
        yield { first, rows, scores: (await product.data()) as Float32Array };
      } finally {
        product.dispose(); // not before the reader is done: the scores may be the backend's own memory
      }
    }
  } finally {
    tf.dispose([columns, factors]);
  }
}
