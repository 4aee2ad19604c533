import { checkMatrix, type MatrixData, ShapeError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { cholesky, solveLower, solveUpper } from './cholesky.js';
import { meanRow } from './rows.js';

/** An affine map between two spaces of vectors. */
export interface RidgeMap {
  /** [M, D] of the first space to [M, E] of the second, less the second's centre. */
  predict(x: MatrixData): Promise<MatrixData>;
  /** Vectors of the second space less its centre: what predictions are compared with. */
  centre(y: MatrixData): MatrixData;
}

/**
 * Ridge regression (Hoerl and Kennard 1970) from one space to another, on centred vectors: minimises
 * |X W - Y|^2 + penalty * tr(X'X) / D * |W|^2. The products run on the backend, the factorisation in float64.
 *
 * @param x [N, D]
 * @param y [N, E], row i belongs to row i of `x`
 * @param penalty relative to the mean eigenvalue of X'X
 * @throws ShapeError if the rows are not as many
 */
export async function ridgeMap(x: MatrixData, y: MatrixData, penalty = 0.1): Promise<RidgeMap> {
  const where = 'metrics.ridgeMap';
  checkMatrix(where, 'x', x);
  checkMatrix(where, 'y', y);
  const [rows, width] = x.shape;
  if (y.shape[0] !== rows) {
    throw new ShapeError({ where, expected: `${rows} rows of y, as many as of x`, got: String(y.shape[0]) });
  }
  const [xMean, yMean] = [meanRow(x), meanRow(y)];
  const [gram, right] = await products(less(x, xMean), less(y, yMean));
  const trace = Array.from({ length: width }, (_, i) => gram[i * width + i]!).reduce((sum, value) => sum + value, 0);
  // vectors that are all the same have no trace: any ridge then gives predictions of 0
  const ridge = (penalty * trace) / width || 1;
  for (let i = 0; i < width; i++) gram[i * width + i]! += ridge;
  const lower = cholesky(gram, width);
  const solution = solveUpper(lower, solveLower(lower, right, width), width);
  const weight: MatrixData = { data: Float32Array.from(solution), shape: [width, y.shape[1]] };
  return {
    predict: async (of) => {
      checkMatrix(where, 'x', of, width);
      const product = tf.tidy(() => tf.matMul(onDevice(less(of, xMean)), onDevice(weight)));
      const data = Float32Array.from(await product.data());
      product.dispose();
      return { data, shape: [of.shape[0], weight.shape[1]] };
    },
    centre: (of) => less(of, yMean),
  };
}

/** X'X and X'Y. */
async function products(x: MatrixData, y: MatrixData): Promise<[gram: Float64Array, right: Float64Array]> {
  const both = tf.tidy(() => {
    const left = onDevice(x);
    return [left, onDevice(y)].map((right) => tf.matMul(left, right, true, false));
  });
  const [gram, right] = await Promise.all(both.map(async (product) => Float64Array.from(await product.data())));
  tf.dispose(both);
  return [gram!, right!];
}

function onDevice({ data, shape }: MatrixData): tf.Tensor2D {
  return tf.tensor2d(data, [...shape]);
}

function less({ data, shape }: MatrixData, row: Float64Array): MatrixData {
  return { data: data.map((value, i) => value - row[i % row.length]!), shape };
}
