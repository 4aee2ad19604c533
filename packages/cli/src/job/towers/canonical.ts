import type { MatrixData } from '@diptych/core';
import { cholesky, solveLower, solveUpper } from '@diptych/metrics/cholesky';
import * as tf from '@tensorflow/tfjs-core';
import { Matrix as Dense, EigenvalueDecomposition } from 'ml-matrix';

/** How {@link canonicalMaps} weighs what it finds. */
export interface CanonicalOptions {
  /** Most directions. */
  readonly embedDim: number;
  /**
   * How much is added to both covariances, in units of the mean eigenvalue times features per pair: the noise of a covariance grows with
   * both, so that one number does for few pairs and for many.
   */
  readonly ridge: number;
  /** Directions count by their correlation to this power. */
  readonly power: number;
}

/** Weights of two linear maps without bias, [D, features] each. */
export interface CanonicalMaps {
  readonly image: MatrixData;
  readonly text: MatrixData;
  /** Of each direction, falling; below the true correlation by what the ridge takes. */
  readonly correlations: Float64Array;
}

/**
 * The directions in which pictures and captions of training pairs agree most: canonical correlation (Hotelling 1936) with a ridge on both
 * covariances (Vinod 1976). A closed form, which few pairs do not overfit as they do a contrast of hundreds of steps.
 *
 * @param image [N, F] scaled features, row i of pair i
 * @param text [N, G]
 */
export async function canonicalMaps(
  image: MatrixData,
  text: MatrixData,
  { embedDim, ridge, power }: CanonicalOptions,
): Promise<CanonicalMaps> {
  if (text.shape[1] > image.shape[1]) {
    const swapped = await canonicalMaps(text, image, { embedDim, ridge, power });
    return { ...swapped, image: swapped.text, text: swapped.image };
  }
  const [rows, wide] = image.shape;
  const narrow = text.shape[1];
  const count = Math.min(embedDim, narrow, rows);
  const predictor = await ridgePredictor(image, text, ridge); // [F, G]
  // what captions and predicted captions have in common, [G, G]
  const shared = await product(await matrixProduct(image, predictor), text, true);
  const covariance = await product(text, text, true);
  addRidge(covariance, narrow, (ridge * narrow) / rows);
  const lower = cholesky(covariance, narrow);
  solveLower(lower, shared, narrow);
  const whitened = transposed(solveLower(lower, transposed(shared, narrow, narrow), narrow), narrow, narrow);
  const { values, vectors } = largest(whitened, narrow, count);
  const correlations = values.map((value) => Math.sqrt(Math.max(value, 1e-12)));
  const textMap = solveUpper(lower, vectors, narrow); // [G, D]
  const imageMap = await matrixProduct(
    { data: Float32Array.from(predictor.data), shape: predictor.shape },
    { data: Float32Array.from(textMap), shape: [narrow, count] },
  ); // [F, D]
  const weights = (map: ArrayLike<number>, width: number, factor: (direction: number) => number): MatrixData => {
    const data = new Float32Array(count * width);
    for (let d = 0; d < count; d++)
      for (let f = 0; f < width; f++) data[d * width + f] = map[f * count + d]! * factor(d);
    return { data, shape: [count, width] };
  };
  return {
    image: weights(imageMap.data, wide, (d) => correlations[d]! ** (power - 1)),
    text: weights(textMap, narrow, (d) => correlations[d]! ** power),
    correlations,
  };
}

/** Ridge regression from x to y, [F, G]: by features, or by pairs where these are fewer. */
async function ridgePredictor(x: MatrixData, y: MatrixData, ridge: number): Promise<MatrixData> {
  const [rows, width] = x.shape;
  const relative = (ridge * width) / rows;
  if (width <= rows) {
    const gram = await product(x, x, true);
    addRidge(gram, width, relative);
    const lower = cholesky(gram, width);
    const solved = solveUpper(lower, solveLower(lower, await product(x, y, true), width), width);
    return { data: Float32Array.from(solved), shape: [width, y.shape[1]] };
  }
  const gram = await product(x, x, false);
  // the trace is that of the covariance of features, which there are `width` of
  addRidge(gram, rows, relative, width);
  const lower = cholesky(gram, rows);
  const right = Float64Array.from(y.data, (value) => value / rows);
  const solved = solveUpper(lower, solveLower(lower, right, rows), rows);
  return matrixProduct(x, { data: Float32Array.from(solved), shape: y.shape }, true);
}

/** a' b / N by columns, or a b' / N by rows, in float64. */
async function product(a: MatrixData, b: MatrixData, byColumns: boolean): Promise<Float64Array> {
  const rows = a.shape[0];
  const { data } = byColumns ? await matrixProduct(a, b, true) : await matrixProduct(a, b, false, true);
  return Float64Array.from(data, (value) => value / rows);
}

async function matrixProduct(
  a: MatrixData,
  b: MatrixData,
  transposeA = false,
  transposeB = false,
): Promise<MatrixData> {
  const result = tf.tidy(() =>
    tf.matMul(tf.tensor2d(a.data, [...a.shape]), tf.tensor2d(b.data, [...b.shape]), transposeA, transposeB),
  );
  const data = Float32Array.from(await result.data());
  const [rows, columns] = result.shape as [number, number];
  result.dispose();
  return { data, shape: [rows, columns] };
}

/** Adds `relative` times the mean eigenvalue to the diagonal; of `of` eigenvalues, where some are left out as they are 0. */
function addRidge(gram: Float64Array, n: number, relative: number, of = n): void {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += gram[i * n + i]!;
  // features that never change have no trace
  const ridge = (relative * trace) / of || 1;
  for (let i = 0; i < n; i++) gram[i * n + i]! += ridge;
}

/** Largest eigenvalues, falling, and their vectors as columns, [n, count]. */
function largest(symmetric: Float64Array, n: number, count: number): { values: Float64Array; vectors: Float64Array } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(Dense.from1DArray(n, n, symmetric), {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const vectors = new Float64Array(n * count);
  for (let i = 0; i < n; i++)
    for (let d = 0; d < count; d++) vectors[i * count + d] = eigenvectorMatrix.get(i, order[d]!);
  return { values: Float64Array.from({ length: count }, (_, d) => realEigenvalues[order[d]!]!), vectors };
}

function transposed(data: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j]!;
  return result;
}
