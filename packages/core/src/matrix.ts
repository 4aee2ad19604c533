import { checkList } from './config-checks.js';
import { ShapeError } from './errors.js';

/** Rows of numbers on the host, as functions take them: a {@link Matrix}, or a plain object of your own. */
export interface MatrixData {
  /** Row by row. */
  readonly data: Float32Array;
  /** [rows, columns]. */
  readonly shape: readonly [number, number];
}

/** Rows of numbers on the host, as functions give them: embeddings [N, D], similarities [N, M]. Nothing to dispose. */
export class Matrix implements MatrixData {
  /** @throws ShapeError if the array does not have rows * columns entries */
  constructor(
    readonly data: Float32Array,
    /** [rows, columns]. */
    readonly shape: readonly [number, number],
  ) {
    checkMatrix('core.Matrix', 'the data', this);
  }

  /** Puts rows of several parts below each other; [0, 0] without parts. */
  static concat(parts: readonly MatrixData[]): Matrix {
    const width = parts[0]?.shape[1] ?? 0;
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
    let rows = 0;
    for (const part of parts) {
      checkMatrix('core.Matrix.concat', 'all parts', part, width);
      data.set(part.data, rows * width);
      rows += part.shape[0];
    }
    return new Matrix(data, [rows, width]);
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

/** Some rows, in the given order, as a copy. */
export function takeRows(matrix: MatrixData, rows: ArrayLike<number>): Matrix {
  checkMatrix('core.takeRows', 'the matrix', matrix);
  checkList('core.takeRows', 'the rows', rows);
  const { data, shape } = matrix;
  const width = shape[1];
  const out = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) out.set(data.subarray(rows[i]! * width, (rows[i]! + 1) * width), i * width);
  return new Matrix(out, [rows.length, width]);
}

/**
 * Checks rows of numbers that somebody handed in.
 *
 * @param where the place that an error names
 * @param what the argument
 * @param width columns that there have to be; default any
 * @throws ShapeError if the array does not have rows * width entries, or the width is not the expected one
 */
export function checkMatrix(where: string, what: string, matrix: MatrixData, width?: number): void {
  const { data, shape } = matrix ?? {};
  if (!ArrayBuffer.isView(data) || !Array.isArray(shape) || shape.length !== 2) {
    throw new ShapeError({
      where,
      expected: `${what} as { data, shape: [N, ${width ?? 'D'}] }`,
      got: shape ? `shape [${shape}]` : typeof matrix,
      remedy: 'new Matrix(data, [N, D])',
    });
  }
  const [rows, got] = shape;
  if (data.length !== rows * got || (width !== undefined && got !== width)) {
    throw new ShapeError({
      where,
      expected: `${what} of shape [N,${width ?? 'D'}] with N * ${width ?? 'D'} entries`,
      got: `shape [${rows},${got}] with ${data.length} entries`,
    });
  }
}
