// Symmetric positive definite systems, in float64 and in place.

/** A square matrix by rows. */
export type Square = Float64Array;

/** L of A = L L', in the lower half of the memory of `a`; A [n, n] is symmetric and positive definite. */
export function cholesky(a: Square, n: number): Square {
  for (let i = 0; i < n; i++) {
    const row = a.subarray(i * n, i * n + i + 1);
    for (let j = 0; j <= i; j++) {
      const other = a.subarray(j * n, j * n + j + 1);
      let sum = row[j]!;
      for (let k = 0; k < j; k++) sum -= row[k]! * other[k]!;
      row[j] = i === j ? Math.sqrt(sum) : sum / other[j]!;
    }
  }
  return a;
}

/** Solves L X = B in the memory of `b` [n, m]. */
export function solveLower(l: Square, b: Float64Array, n: number): Float64Array {
  const m = b.length / n;
  for (let i = 0; i < n; i++) {
    const row = b.subarray(i * m, (i + 1) * m);
    for (let k = 0; k < i; k++) subtract(row, b.subarray(k * m, (k + 1) * m), l[i * n + k]!);
    divide(row, l[i * n + i]!);
  }
  return b;
}

/** Solves L' X = B in the memory of `b` [n, m]. */
export function solveUpper(l: Square, b: Float64Array, n: number): Float64Array {
  const m = b.length / n;
  for (let i = n - 1; i >= 0; i--) {
    const row = b.subarray(i * m, (i + 1) * m);
    for (let k = i + 1; k < n; k++) subtract(row, b.subarray(k * m, (k + 1) * m), l[k * n + i]!);
    divide(row, l[i * n + i]!);
  }
  return b;
}

function subtract(row: Float64Array, other: Float64Array, factor: number): void {
  for (let c = 0; c < row.length; c++) row[c]! -= factor * other[c]!;
}

function divide(row: Float64Array, by: number): void {
  for (let c = 0; c < row.length; c++) row[c]! /= by;
}
