import { ConfigError } from '@diptych/core';

/** Rows of numbers, as plain data: embeddings [N, D], or similarities [N, M]. Nothing to dispose. */
export class Matrix {
  constructor(
    readonly data: Float32Array,
    /** [rows, columns]. */
    readonly shape: readonly [number, number],
  ) {
    if (data.length !== shape[0] * shape[1]) {
      throw new ConfigError({
        where: 'diptych.Matrix',
        expected: `${shape[0] * shape[1]} numbers for shape [${shape.join()}]`,
        got: String(data.length),
      });
    }
  }

  /** One row, a view of the data. */
  row(index: number): Float32Array {
    const [, columns] = this.shape;
    return this.data.subarray(index * columns, (index + 1) * columns);
  }

  /** All rows as nested arrays. */
  toArray(): number[][] {
    return Array.from({ length: this.shape[0] }, (_, index) => Array.from(this.row(index)));
  }
}

/**
 * Dot products of all rows of `a` with all rows of `b`: cosine similarities where the rows are L2-normalised, as
 * `embedText` and `embedImages` give them.
 *
 * @param a [N, D]
 * @param b [M, D]
 * @returns [N, M]
 * @throws ConfigError if the widths differ
 */
export function similarity(a: Matrix, b: Matrix): Matrix {
  const [rows, width] = a.shape;
  const [columns, otherWidth] = b.shape;
  if (width !== otherWidth) {
    throw new ConfigError({
      where: 'diptych.similarity',
      expected: `two matrices of one width`,
      got: `[${a.shape.join()}] and [${b.shape.join()}]`,
      remedy: 'compare embeddings of one model',
    });
  }
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const left = a.row(i);
    for (let j = 0; j < columns; j++) {
      const right = b.row(j);
      let sum = 0;
      for (let k = 0; k < width; k++) sum += left[k]! * right[k]!;
      data[i * columns + j] = sum;
    }
  }
  return new Matrix(data, [rows, columns]);
}
