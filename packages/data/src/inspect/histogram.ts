/** A range of values and how many fell into it. */
export interface Bin {
  /** Inclusive. */
  readonly from: number;
  /** Exclusive, but for the last bin. */
  readonly to: number;
  readonly count: number;
}

/** How values spread. Quantiles are exact for integers below 256 and within 1.6 % beyond. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Ten bins of equal width, or fewer where there are fewer integers. */
  readonly bins: readonly Bin[];
}

/**
 * Counts values from 0 up in buckets that widen with the value (64 an octave), so that any number of them takes a
 * few kilobytes.
 */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    const bucket = bucketOf(value);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  /** Undefined where nothing was added. */
  summary(): Distribution | undefined {
    if (this.#count === 0) return undefined;
    const buckets = [...this.#counts].sort(([a], [b]) => a - b);
    const quantile = (share: number) => {
      let left = share * this.#count;
      for (const [bucket, count] of buckets) {
        left -= count;
        if (left <= 0) return Math.min(this.#max, Math.max(this.#min, leastOf(bucket)));
      }
      return this.#max;
    };
    return {
      count: this.#count,
      min: this.#min,
      max: this.#max,
      mean: this.#sum / this.#count,
      p5: quantile(0.05),
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
      bins: this.#bins(buckets),
    };
  }

  #bins(buckets: readonly (readonly [number, number])[]): Bin[] {
    const range = this.#max - this.#min;
    const width = Math.max(1, Math.ceil((range + 1) / 10));
    const bins = Array.from({ length: Math.max(1, Math.ceil((range + 1) / width)) }, (_, i) => ({
      from: this.#min + i * width,
      to: this.#min + (i + 1) * width,
      count: 0,
    }));
    for (const [bucket, count] of buckets) {
      const value = Math.min(this.#max, Math.max(this.#min, leastOf(bucket)));
      bins[Math.min(bins.length - 1, Math.floor((value - this.#min) / width))]!.count += count;
    }
    return bins;
  }
}

const EXACT = 256;
const PER_OCTAVE = 64;

function bucketOf(value: number): number {
  const whole = Math.max(0, Math.floor(value));
  return whole < EXACT ? whole : EXACT + Math.floor(Math.log2(whole / EXACT) * PER_OCTAVE);
}

/** The least value of a bucket. */
function leastOf(bucket: number): number {
  return bucket < EXACT ? bucket : Math.ceil(EXACT * 2 ** ((bucket - EXACT) / PER_OCTAVE));
}
