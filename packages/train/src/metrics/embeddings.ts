import { ShapeError } from '@diptych/core';

/** Vectors on the host, row by row. */
export interface Embeddings {
  readonly data: Float32Array;
  /** [rows, width]. */
  readonly shape: readonly [number, number];
}

/**
 * @throws ShapeError if the array does not have rows * width entries, or the width is not the expected one
 */
export function checkEmbeddings(where: string, what: string, { data, shape }: Embeddings, width?: number): void {
  const [rows, got] = shape;
  if (data.length !== rows * got || (width !== undefined && got !== width)) {
    throw new ShapeError({
      where,
      expected: `${what} of shape [N,${width ?? 'D'}] with N * ${width ?? 'D'} entries`,
      got: `shape [${rows},${got}] with ${data.length} entries`,
    });
  }
}

/** 1 / length of each row; 0 for rows of zeros. */
export function inverseLengths({ data, shape }: Embeddings): Float32Array {
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
export function normalizeRows(embeddings: Embeddings): Embeddings {
  const { data, shape } = embeddings;
  const factors = inverseLengths(embeddings);
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = data[i]! * factors[Math.floor(i / shape[1])]!;
  return { data: out, shape };
}

/** The rows' centre. */
export function meanRow({ data, shape: [rows, width] }: Embeddings): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width]! += data[i]! / rows;
  return mean;
}

/** Some rows, in the given order. */
export function takeRows({ data, shape }: Embeddings, rows: ArrayLike<number>): Embeddings {
  const width = shape[1];
  const out = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) out.set(data.subarray(rows[i]! * width, (rows[i]! + 1) * width), i * width);
  return { data: out, shape: [rows.length, width] };
}
