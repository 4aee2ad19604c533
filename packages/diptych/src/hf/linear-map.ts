import { cholesky, solveLower, solveUpper } from '@diptych/metrics/cholesky';
import type { TensorData } from '@diptych/weights';

/** y = W x + b, with W [out, in] by rows, as torch's Linear. */
export interface LinearMap {
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** A layer out of a model's tensors; undefined where it has none of that name. */
export function linearOf(tensors: ReadonlyMap<string, TensorData>, name: string): LinearMap | undefined {
  const weight = tensors.get(`${name}.weight`);
  if (!weight) return undefined;
  const [outFeatures, inFeatures] = weight.shape as [number, number];
  const bias = tensors.get(`${name}.bias`)?.data as Float32Array | undefined;
  return { weight: weight.data as Float32Array, bias, inFeatures, outFeatures };
}

/** The second after the first, as one; either may be missing. */
export function compose(first: LinearMap | undefined, second: LinearMap | undefined): LinearMap | undefined {
  if (!first || !second) return first ?? second;
  const { inFeatures } = first;
  const { outFeatures } = second;
  const weight = new Float32Array(outFeatures * inFeatures);
  const row = new Float64Array(inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    row.fill(0);
    for (let k = 0; k < first.outFeatures; k++) {
      const factor = second.weight[out * first.outFeatures + k]!;
      for (let i = 0; i < inFeatures; i++) row[i]! += factor * first.weight[k * inFeatures + i]!;
    }
    weight.set(row, out * inFeatures);
  }
  const bias = first.bias ? Float32Array.from(apply(second, first.bias)) : second.bias;
  return { weight, bias, inFeatures, outFeatures };
}

/** Of one vector, with the bias. */
function apply({ weight, bias, inFeatures, outFeatures }: LinearMap, x: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: outFeatures }, (_, out) => {
    let sum = bias?.[out] ?? 0;
    for (let i = 0; i < inFeatures; i++) sum += weight[out * inFeatures + i]! * x[i]!;
    return sum;
  });
}

/** How far a bias may be missed, as a part of its largest number. */
const CLOSE = 1e-5;

/**
 * What has to be added to x so that the layer without its bias gives what it gives with it: the shortest d with W d = b. A normalisation before
 * the layer takes it into its own bias, for libraries whose projections have none.
 *
 * @returns undefined where no d does: a layer that widens, or whose rows depend on each other
 */
export function shiftFor({ weight, bias, inFeatures, outFeatures }: LinearMap): Float32Array | undefined {
  if (!bias?.some((value) => value !== 0)) return new Float32Array(inFeatures);
  if (outFeatures > inFeatures) return undefined;
  const square = new Float64Array(outFeatures ** 2);
  for (let i = 0; i < outFeatures; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < inFeatures; k++) sum += weight[i * inFeatures + k]! * weight[j * inFeatures + k]!;
      square[i * outFeatures + j] = square[j * outFeatures + i] = sum;
    }
  }
  const lower = cholesky(square, outFeatures);
  const solved = solveUpper(lower, solveLower(lower, Float64Array.from(bias), outFeatures), outFeatures);
  const shift = new Float64Array(inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    for (let k = 0; k < inFeatures; k++) shift[k]! += weight[out * inFeatures + k]! * solved[out]!;
  }
  // rows that depend on each other have no such vector, or one of huge numbers
  const got = apply({ weight, bias: undefined, inFeatures, outFeatures }, Float32Array.from(shift));
  const largest = Math.max(...Array.from(bias, Math.abs));
  const isExact = got.every((value, out) => Math.abs(value - bias[out]!) <= CLOSE * largest);
  return isExact ? Float32Array.from(shift) : undefined;
}

/** A tensor as files have it. */
export function matrix(data: Float32Array, ...shape: number[]): TensorData {
  return { dtype: 'float32', shape, data };
}
