import {
  ConfigError,
  checkList,
  checkMatrix,
  checkOptions,
  InputError,
  type MatrixData,
  type PairBatch,
  ShapeError,
  takeRows,
} from '@diptych/core';
import type { HostRows } from './device-batch.js';

/** A teacher's vectors of many pairs. */
export interface StoredEmbeddings {
  readonly ids: readonly string[];
  /** [ids, E], row i of `ids[i]`. */
  readonly image?: MatrixData;
  /** [ids, E]. */
  readonly text?: MatrixData;
}

/** Further rows that a loss reads as `batch.targets`, by name, each [B, width]: the Trainer's option `targets`. */
export interface TargetRows {
  (batch: PairBatch): Readonly<Record<string, HostRows>>;
  /** The names and widths of what it gives, so that a loss can refuse them before the first step. */
  readonly widths?: Readonly<Record<string, number>>;
}

/**
 * Looks a teacher's vectors up by the ids of each batch: the Trainer's option `targets` for `Distillation`.
 *
 * @throws ConfigError, ShapeError without vectors, or if there are not as many as ids
 * @throws InputError from the returned function, if a pair's id is not among the stored ones
 */
export function storedTargets(stored: StoredEmbeddings): TargetRows {
  const where = 'train.storedTargets';
  checkOptions(where, stored, { ids: 'required', image: 'optional', text: 'optional' });
  const { ids, image, text } = stored;
  checkList(where, 'ids', ids);
  const sides = Object.entries({ image, text }).flatMap(([side, rows]) => (rows ? [[side, rows] as const] : []));
  if (sides.length === 0) {
    throw new ConfigError({ where, expected: 'image or text vectors, or both', got: 'ids alone' });
  }
  for (const [side, rows] of sides) {
    checkMatrix(where, side, rows);
    if (rows.shape[0] === ids.length) continue;
    throw new ShapeError({
      where,
      expected: `${ids.length} rows in ${side}, one for each id`,
      got: `${rows.shape[0]}`,
    });
  }
  const rowOf = new Map(ids.map((id, row) => [id, row]));
  const rowsOf = (batch: PairBatch) => {
    const rows = batch.ids.map((id) => {
      const row = rowOf.get(id);
      if (row !== undefined) return row;
      throw new InputError({
        where,
        expected: 'stored embeddings of every pair',
        got: `none for ${JSON.stringify(id)}`,
        remedy: 'embed the same data with the teacher first (embedPairs, embedCollection)',
      });
    });
    return Object.fromEntries(sides.map(([side, vectors]) => [side, takeRows(vectors, rows)]));
  };
  return Object.assign(rowsOf, { widths: Object.fromEntries(sides.map(([side, { shape }]) => [side, shape[1]])) });
}
