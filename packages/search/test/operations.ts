import { Matrix } from '@diptych/core';
import type { StoreRows } from '../src/vector-store.js';
import { numberedIds, randomMatrix } from './random-rows.js';

const IDS = 400;

/** The nth thing that happens to an index: rows that come, among them `last` with its number, or rows that go. */
export function operation(number: number): { readonly rows?: StoreRows; readonly gone?: readonly string[] } {
  if (number % 5 === 4) return { gone: numberedIds(7, (number * 31) % IDS) };
  const count = number % 17 === 0 ? 300 : 1 + (number % 6);
  const ids = numberedIds(count, (number * 13) % IDS);
  return {
    rows: {
      ids: [...ids, 'last'],
      vectors: Matrix.concat([vectorsOf(number, count), new Matrix(new Float32Array(24).fill(1), [1, 24])]),
      metadata: [...ids.map(() => ({ number, ballast: 'x'.repeat(number % 50) })), { number }],
    },
  };
}

/** Vectors that come with it. */
function vectorsOf(number: number, count: number): Matrix {
  return randomMatrix(count, 24, number + 1);
}

/** Which operation each row is of, after some of them. */
export function stateAfter(operations: number): Map<string, number> {
  const state = new Map<string, number>();
  for (let number = 0; number < operations; number++) {
    const { rows, gone } = operation(number);
    for (const id of rows?.ids ?? []) state.set(id, number);
    for (const id of gone ?? []) state.delete(id);
  }
  return state;
}
