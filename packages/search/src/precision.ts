import { ConfigError, float16ToFloat32, float32ToFloat16 } from '@diptych/core';

/** How an index holds its rows for the scan: as they are, halved, or as bytes with one factor a row. */
export type Precision = 'float32' | 'float16' | 'int8';

const PRECISIONS: readonly Precision[] = ['float32', 'float16', 'int8'];

/** Elements of a row are filled up to a multiple of 16, which is what one step of the kernels takes. */
const STEP = 16;

const ELEMENT_BYTES: Readonly<Record<Precision, number>> = { float32: 4, float16: 2, int8: 1 };

/** What stands for zero where a row is filled up: bytes hold a number + 128. */
const FILLING: Readonly<Record<Precision, number>> = { float32: 0, float16: 0, int8: 128 };

/** Elements of a stored row. */
export function paddedWidth(embedDim: number): number {
  return Math.ceil(embedDim / STEP) * STEP;
}

/** Steps of a kernel over a row. */
export function stepsOf(embedDim: number): number {
  return Math.ceil(embedDim / STEP);
}

/** Bytes of a stored row, without its factor. */
export function rowBytes(precision: Precision, embedDim: number): number {
  return paddedWidth(embedDim) * ELEMENT_BYTES[precision];
}

/** Whether a factor is stored with each row. */
export function hasFactors(precision: Precision): boolean {
  return precision !== 'float32';
}

/** @throws ConfigError for a precision that there is not */
export function checkPrecision(where: string, what: string, precision: unknown): asserts precision is Precision {
  if (PRECISIONS.includes(precision as Precision)) return;
  throw new ConfigError({ where, expected: `${what} to be one of ${PRECISIONS.join(', ')}`, got: String(precision) });
}

/**
 * Writes one row as it is stored.
 *
 * float16: times a power of two that brings its largest number to [2^13, 2^14), so that any finite float32 fits and small ones
 * keep their bits. int8: round(x / factor) + 128 with factor = max |x| / 127 (symmetric quantisation by row).
 *
 * @param out where it goes, {@link rowBytes} long
 * @returns the factor by which what is stored has to be multiplied
 */
export function encodeRow(precision: Precision, row: Float32Array, out: Uint8Array): number {
  if (precision === 'float32') {
    out.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    out.fill(0, row.byteLength);
    return 1;
  }
  let largest = 0;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]!));
  if (precision === 'int8') {
    const factor = largest > 0 ? largest / 127 : 1;
    for (let i = 0; i < row.length; i++) out[i] = Math.round(row[i]! / factor) + 128;
    out.fill(FILLING.int8, row.length);
    return factor;
  }
  const exponent = largest > 0 ? 13 - Math.floor(Math.log2(largest)) : 0;
  // in two steps: the power itself may be beyond what a double's multiplication takes at once
  const power = 2 ** Math.max(-126, Math.min(126, exponent));
  const halves = float32ToFloat16(row.map((value) => value * power));
  out.set(new Uint8Array(halves.buffer));
  out.fill(0, 2 * row.length);
  return 1 / power;
}

/** The row that was stored, into `out`. */
export function decodeRow(precision: Precision, stored: Uint8Array, factor: number, out: Float32Array): void {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (precision === 'float32') for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
  else if (precision === 'float16')
    for (let i = 0; i < out.length; i++) out[i] = float16ToFloat32(view.getUint16(2 * i, true)) * factor;
  else for (let i = 0; i < out.length; i++) out[i] = (stored[i]! - 128) * factor;
}
