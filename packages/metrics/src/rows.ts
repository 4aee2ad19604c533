import { checkFields, checkList, checkMatrix, Matrix, type MatrixData } from '@diptych/core';

/** Both towers' vectors of some pairs: row i of each belongs to pair i. */
export interface EmbeddedPairs {
  readonly image: MatrixData;
  readonly text: MatrixData;
  /** Pairs with equal ids are right answers to each other. */
  readonly ids: readonly string[];
  /** A key of each pair's caption, equal where captions are: such pairs are right answers to each other, too. Absent: ids alone decide. */
  readonly captions?: readonly string[] | undefined;
}

/** The rows of pairs that are right answers to each other, by row: itself, and those with its id or its caption. */
export function partnersOf(pairs: Pick<EmbeddedPairs, 'ids' | 'captions'>): (row: number) => number[] {
  checkFields('metrics.partnersOf', 'the pairs', pairs, ['ids']);
  const { ids, captions = [] } = pairs;
  checkList('metrics.partnersOf', 'ids', ids);
  const [byId, byCaption] = [rowsByKey(ids), rowsByKey(captions)];
  return (row) => [...new Set([...byId.get(ids[row]!)!, ...(byCaption.get(captions[row] ?? '') ?? [])])];
}

function rowsByKey(keys: readonly string[]): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (const [row, key] of keys.entries()) {
    const known = rows.get(key);
    if (known) known.push(row);
    else rows.set(key, [row]);
  }
  return rows;
}

/** 1 / length of each row; 0 for rows of zeros. */
export function inverseLengths({ data, shape }: MatrixData): Float32Array {
  const [rows, width] = shape;
  const factors = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let i = row * width; i < (row + 1) * width; i++) squares += data[i]! * data[i]!;
    factors[row] = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  }
  return factors;
}

/** The rows scaled to length 1, as a copy; zero rows stay zero. */
export function normalizeRows(embeddings: MatrixData): Matrix {
  checkMatrix('metrics.normalizeRows', 'embeddings', embeddings);
  const { data, shape } = embeddings;
  const factors = inverseLengths(embeddings);
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = data[i]! * factors[Math.floor(i / shape[1])]!;
  return new Matrix(out, shape);
}

/** The rows' centre. */
export function meanRow({ data, shape: [rows, width] }: MatrixData): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width]! += data[i]! / rows;
  return mean;
}

/**
 * Cosine similarities of all rows of `a` with all rows of `b`; 0 with rows of zeros. For many rows see `topK` and
 * `scoreBlocks`, which never hold all of them.
 *
 * @param a [N, D]; need not be normalised
 * @param b [M, D]
 * @returns [N, M]
 * @throws ShapeError if the widths differ
 */
export function cosineSimilarity(a: MatrixData, b: MatrixData): Matrix {
  checkMatrix('metrics.cosineSimilarity', 'a', a);
  checkMatrix('metrics.cosineSimilarity', 'b', b, a.shape[1]);
  const [rows, width] = a.shape;
  const [columns] = b.shape;
  const [lengthsA, lengthsB] = [inverseLengths(a), inverseLengths(b)];
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += a.data[i * width + k]! * b.data[j * width + k]!;
      data[i * columns + j] = sum * lengthsA[i]! * lengthsB[j]!;
    }
  }
  return new Matrix(data, [rows, columns]);
}
