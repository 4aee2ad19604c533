import type { ResampleFilter } from './resample-filters.js';

/** Bits after the point of a fixed-point coefficient: 32 minus 8 of the pixel minus 2 of headroom, as in Pillow. */
const PRECISION_BITS = 22;

/** The taps of each output position along one axis. */
export interface AxisCoefficients {
  /** First source position of each output position. */
  readonly first: Int32Array;
  /** Number of taps of each output position. */
  readonly count: Int32Array;
  /** Fixed-point weights, `taps` slots for each output position; slots beyond `count` are zero. */
  readonly weights: Int32Array;
  /** Slots per output position. */
  readonly taps: number;
}

/**
 * Fixed-point filter weights along one axis, as Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` compute them.
 *
 * @param from,length the part of the output that is wanted: positions `from` to `from + length`
 */
export function axisCoefficients(
  filter: ResampleFilter,
  inputSize: number,
  outputSize: number,
  from = 0,
  length = outputSize,
): AxisCoefficients {
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const step = 1 / filterScale;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const center = (from + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const size = Math.min(inputSize, Math.trunc(center + support + 0.5)) - start;
    let total = 0;
    for (let tap = 0; tap < size; tap++) {
      const weight = filter.weight((tap + start - center + 0.5) * step);
      exact[tap] = weight;
      total += weight;
    }
    for (let tap = 0; tap < size; tap++) {
      const fixed = (total === 0 ? exact[tap]! : exact[tap]! / total) * 2 ** PRECISION_BITS;
      weights[i * taps + tap] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    first[i] = start;
    count[i] = size;
  }
  return { first, count, weights, taps };
}
