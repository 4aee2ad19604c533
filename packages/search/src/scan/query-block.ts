import { type Precision, paddedWidth } from '../precision.js';

/** Queries that a product takes at a time: more would not make it faster, and their scores would leave the core's cache. */
export const PRODUCT_QUERIES = 64;

/** Some queries, as kernel and product want them. */
export interface QueryBlock {
  readonly count: number;
  /** Queries with those that fill the last group of four: zeros. One query stays alone. */
  readonly padded: number;
  /** For the kernel, [padded, width]: float32, or int16 beside bytes. */
  readonly rows: Float32Array | Int16Array;
  /** For a product, [width, padded]: float32, or int8 beside bytes. */
  readonly columns: Float32Array | Int8Array;
  /** What each sum of the kernel begins with: bytes hold a number + 128, so -128 times the query's sum. */
  readonly starts: Int32Array;
  /** By which a query's scores are to be multiplied at last. */
  readonly factors: Float64Array;
}

/** @param queries [count, embedDim] */
export function queryBlock(precision: Precision, queries: Float32Array, embedDim: number): QueryBlock {
  const count = queries.length / embedDim;
  const padded = count === 1 ? 1 : Math.ceil(count / 4) * 4;
  const width = paddedWidth(embedDim);
  const starts = new Int32Array(padded);
  const factors = new Float64Array(count).fill(1);
  const bytes = precision === 'int8';
  const rows = bytes ? new Int16Array(padded * width) : new Float32Array(padded * width);
  const columns = bytes ? new Int8Array(padded * width) : new Float32Array(padded * width);
  // the kernel reads halves as 2^-112 times what they are
  const kernelFactor = precision === 'float16' ? 2 ** 112 : 1;
  for (let i = 0; i < count; i++) {
    const query = queries.subarray(i * embedDim, (i + 1) * embedDim);
    let factor = 1;
    if (bytes) {
      let largest = 0;
      for (let j = 0; j < embedDim; j++) largest = Math.max(largest, Math.abs(query[j]!));
      factor = largest > 0 ? largest / 127 : 1;
      factors[i] = factor;
    }
    for (let j = 0; j < embedDim; j++) {
      const value = bytes ? Math.round(query[j]! / factor) : query[j]!;
      rows[i * width + j] = value * kernelFactor;
      columns[j * padded + i] = value;
      if (bytes) starts[i]! -= 128 * value;
    }
  }
  return { count, padded, rows, columns, starts, factors };
}
