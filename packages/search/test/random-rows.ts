import { Matrix } from '@diptych/core';

/** Numbers that look drawn from a normal distribution, the same each time. */
export function randomMatrix(rows: number, width: number, seed = 1): Matrix {
  const data = new Float32Array(rows * width);
  let state = seed * 2654435761;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  for (let i = 0; i < data.length; i++) data[i] = next() + next() + next() + next() - 2;
  return new Matrix(data, [rows, width]);
}

/** `row 0`, `row 1` and so on. */
export function numberedIds(rows: number, first = 0): string[] {
  return Array.from({ length: rows }, (_, i) => `row ${first + i}`);
}

/** The best k rows of each query by cosine, in double precision. */
export function bestByHand(queries: Matrix, rows: Matrix, k: number): { id: string; score: number }[][] {
  const product = (a: Float32Array, b: Float32Array) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
    return sum;
  };
  const lengths = numberedIds(rows.shape[0]).map((_, r) => Math.sqrt(product(rows.row(r), rows.row(r))));
  return Array.from({ length: queries.shape[0] }, (_, q) => {
    const query = queries.row(q);
    const length = Math.sqrt(product(query, query));
    const scores = lengths.map((own, r) => ({ id: `row ${r}`, score: product(rows.row(r), query) / own / length }));
    return scores.sort((a, b) => b.score - a.score).slice(0, k);
  });
}
