import { checkList, checkOptions, InputError, type MatrixData, type PairBatch, takeRows } from '@diptych/core';
import type { HostRows } from './device-batch.js';

/** A teacher's vectors of many pairs. */
export interface StoredEmbeddings {
  readonly ids: readonly string[];
  readonly image?: MatrixData;
  readonly text?: MatrixData;
}

/**
 * Looks a teacher's vectors up by the ids of each batch: the Trainer's option `targets` for `Distillation`.
 *
 * @throws InputError from the returned function, if a pair's id is not among the stored ones
 */
export function storedTargets(stored: StoredEmbeddings): (batch: PairBatch) => Record<string, HostRows> {
  checkOptions('train.storedTargets', stored, { ids: 'required', image: 'optional', text: 'optional' });
  const { ids, image, text } = stored;
  checkList('train.storedTargets', 'ids', ids);
  const rowOf = new Map(ids.map((id, row) => [id, row]));
  return (batch) => {
    const rows = batch.ids.map((id) => {
      const row = rowOf.get(id);
      if (row !== undefined) return row;
      throw new InputError({
        where: 'train.storedTargets',
        expected: 'stored embeddings of every pair',
        got: `none for ${JSON.stringify(id)}`,
        remedy: 'embed the same data with the teacher first (embedPairs, embedCollection)',
      });
    });
    return {
      ...(image && { image: takeRows(image, rows) }),
      ...(text && { text: takeRows(text, rows) }),
    };
  };
}
