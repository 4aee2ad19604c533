import type { SeriesPart } from './api.js';

/** Stretches of a series that are kept at most; beyond, two become one. */
const STRETCHES = 1024;
/** Steps that were not finite, kept at most. */
const BAD = 200;

/**
 * Numbers by step in bounded memory: a stretch of `w` steps is one point with mean, least and most, so that no spike is lost, and `w` doubles
 * whenever there are too many.
 */
export class Series {
  #w = 1;
  #steps: number[] = [];
  #sums: number[] = [];
  #counts: number[] = [];
  // of stretches longer than a step
  #least: number[] = [];
  #most: number[] = [];
  #bad: number[] = [];
  /** Which record touched a stretch last. */
  #at: number[] = [];
  /** Which record changed more than the end. */
  #reset = 0;

  /** Whether something came after that record. */
  changedAfter(position: number): boolean {
    return (this.#at.at(-1) ?? 0) > position || this.#reset > position;
  }

  /** The last finite value. */
  get last(): number | undefined {
    for (let i = this.#sums.length - 1; i >= 0; i--) if (this.#counts[i]! > 0) return this.#sums[i]! / this.#counts[i]!;
    return undefined;
  }

  /** @param position number of the record, from 1 */
  add(step: number, value: number, position: number): void {
    const last = this.#steps.length - 1;
    const same = last >= 0 && this.#stretchOf(this.#steps[last]!) === this.#stretchOf(step);
    const i = same ? last : last + 1;
    if (!same) {
      this.#sums[i] = 0;
      this.#counts[i] = 0;
      this.#least[i] = Number.POSITIVE_INFINITY;
      this.#most[i] = Number.NEGATIVE_INFINITY;
    }
    this.#steps[i] = step;
    this.#at[i] = position;
    if (Number.isFinite(value)) {
      this.#sums[i]! += value;
      this.#counts[i]!++;
      this.#least[i] = Math.min(this.#least[i]!, value);
      this.#most[i] = Math.max(this.#most[i]!, value);
    } else if (this.#bad.length < BAD) this.#bad.push(step);
    if (this.#steps.length > STRETCHES) this.#halve(position);
  }

  /** Forgets what is behind a step: the run went back to it. */
  cut(step: number, position: number): void {
    let length = this.#steps.length;
    while (length > 0 && this.#steps[length - 1]! > step) length--;
    if (length === this.#steps.length) return;
    for (const column of [this.#steps, this.#sums, this.#counts, this.#least, this.#most, this.#at]) {
      column.length = length;
    }
    this.#bad = this.#bad.filter((bad) => bad <= step);
    this.#reset = position;
  }

  /**
   * The points that came after a record, or all where more than the end has changed.
   *
   * @param points at most so many for the whole series
   */
  part(points: number, position: number): SeriesPart {
    const total = this.#steps.length;
    const factor = factorOf(total, points);
    let first = 0;
    if (position > 0 && this.#reset <= position) {
      first = Math.max(
        0,
        this.#at.findIndex((at) => at > position),
      );
      // what was sent before may have been of other stretches
      const before = [factorOf(first, points), factorOf(first + 1, points)];
      if (before.some((other) => other !== factor)) first = 0;
    }
    const w = this.#w * factor;
    const after = first === 0 ? -1 : Math.floor((this.#steps[first]! - 1) / w) * w;
    const x: number[] = [];
    const y: (number | null)[] = [];
    const lo: (number | null)[] = [];
    const hi: (number | null)[] = [];
    let at = -1;
    let sum = 0;
    let count = 0;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    const put = () => {
      if (at < 0) return;
      y[x.length - 1] = count > 0 ? rounded(sum / count) : null;
      lo[x.length - 1] = count > 0 ? rounded(least) : null;
      hi[x.length - 1] = count > 0 ? rounded(most) : null;
    };
    for (let i = 0; i < total; i++) {
      const step = this.#steps[i]!;
      if (step <= after) continue;
      const stretch = Math.floor((step - 1) / w);
      if (stretch !== at) {
        put();
        at = stretch;
        x.push(step);
        [sum, count, least, most] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      }
      x[x.length - 1] = step;
      sum += this.#sums[i]!;
      count += this.#counts[i]!;
      least = Math.min(least, this.#least[i]!);
      most = Math.max(most, this.#most[i]!);
    }
    put();
    return { after, w, x, y, ...(w > 1 && { lo, hi }), bad: this.#bad };
  }

  #stretchOf(step: number): number {
    return Math.floor((step - 1) / this.#w);
  }

  #halve(position: number): void {
    this.#w *= 2;
    const columns = {
      steps: this.#steps,
      sums: this.#sums,
      counts: this.#counts,
      least: this.#least,
      most: this.#most,
    };
    let to = -1;
    let at = Number.NaN;
    for (let i = 0; i < columns.steps.length; i++) {
      const stretch = this.#stretchOf(columns.steps[i]!);
      if (stretch !== at) {
        at = stretch;
        to++;
        for (const column of Object.values(columns)) column[to] = column[i]!;
        continue;
      }
      columns.steps[to] = columns.steps[i]!;
      columns.sums[to]! += columns.sums[i]!;
      columns.counts[to]! += columns.counts[i]!;
      columns.least[to] = Math.min(columns.least[to]!, columns.least[i]!);
      columns.most[to] = Math.max(columns.most[to]!, columns.most[i]!);
    }
    for (const column of Object.values(columns)) column.length = to + 1;
    this.#at = columns.steps.map(() => position);
    this.#reset = position;
  }
}

/** How many stretches become one point. */
function factorOf(stretches: number, points: number): number {
  return stretches <= points ? 1 : 2 ** Math.ceil(Math.log2(stretches / points));
}

/** As many digits as a chart can show. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
