import { Matrix } from '@diptych/core';
import { hasBit } from './format/bits.js';

import { type Metadata, parseMetadata } from './metadata.js';
import type { Snapshot } from './snapshot.js';

/** Some rows, in the form in which an index takes them. */
export interface RowBlock {
  readonly ids: readonly string[];
  /** [rows, embedDim]. */
  readonly vectors: Matrix;
  readonly metadata: readonly Metadata[];
}

const ROWS_AT_A_TIME = 1024;

/** All rows in order, or those of segments from `since` on. */
export async function* listRows({ parts }: Snapshot, embedDim: number, since = 0): AsyncGenerator<RowBlock> {
  for (const { segment, live } of parts) {
    if (segment.number < since) continue;
    for (let from = 0; from < segment.rows; from += ROWS_AT_A_TIME) {
      const records = segment.records(from, Math.min(segment.rows, from + ROWS_AT_A_TIME));
      const there = records.flatMap((record, i) =>
        live && !hasBit(live, from + i) ? [] : [{ record, row: from + i }],
      );
      if (there.length === 0) continue;
      const vectors = new Matrix(new Float32Array(there.length * embedDim), [there.length, embedDim]);
      for (const [i, { row }] of there.entries()) segment.readVector(row, vectors.row(i));
      yield {
        ids: there.map(({ record }) => record.id),
        vectors,
        metadata: there.map(({ record }) => parseMetadata(record.metadata)),
      };
    }
  }
}
