import { hasFactors, type Precision, rowBytes } from '../precision.js';

/**
 * Where the rows of a segment lie: blocks of `blockRows` rows (the last may have fewer), each followed by the rows' factors as
 * float32 if the precision has any. A plain object, for threads.
 */
export interface VectorSection {
  readonly precision: Precision;
  readonly embedDim: number;
  readonly rows: number;
  readonly blockRows: number;
  /** In the file. */
  readonly offset: number;
  /** CRC-32 of each block. */
  readonly checksums: readonly number[];
}

/** Bytes that a block is to have, so that it stays in a core's cache while many queries are compared with it. */
const BLOCK_BYTES = 2 ** 20;

/** Rows of a block: a multiple of 16, at least that and at most 8,192. */
export function blockRowsOf(precision: Precision, embedDim: number): number {
  const fitting = Math.floor(BLOCK_BYTES / rowBytes(precision, embedDim) / 16) * 16;
  return Math.max(16, Math.min(8192, fitting));
}

export function blockCount({ rows, blockRows }: Pick<VectorSection, 'rows' | 'blockRows'>): number {
  return Math.ceil(rows / blockRows);
}

export function rowsOfBlock({ rows, blockRows }: Pick<VectorSection, 'rows' | 'blockRows'>, block: number): number {
  return Math.min(blockRows, rows - block * blockRows);
}

/** Bytes of a row with its factor. */
export function storedRowBytes(precision: Precision, embedDim: number): number {
  return rowBytes(precision, embedDim) + (hasFactors(precision) ? 4 : 0);
}

/** Where a block begins in the file. */
export function blockOffset({ precision, embedDim, blockRows, offset }: VectorSection, block: number): number {
  return offset + block * blockRows * storedRowBytes(precision, embedDim);
}

/** Bytes of the section. */
export function sectionBytes({ precision, embedDim, rows }: VectorSection): number {
  return rows * storedRowBytes(precision, embedDim);
}
