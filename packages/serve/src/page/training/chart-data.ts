import type { Points } from './runs-source.js';

/** A line of a chart. */
export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly dash: readonly number[];
  readonly points: Points;
  /** By step: what stands on the x axis in its place. */
  readonly time?: Points;
}

/** How lines become a chart. */
export interface ChartOptions {
  readonly smooth: number;
  readonly x: 'steps' | 'time';
  readonly logX: boolean;
  readonly logY: boolean;
}

/** What is drawn: columns beside one x, and what could not be drawn. */
export interface ChartData {
  readonly x: number[];
  /** Beside each line: undefined where it has no point, null where it has a gap. */
  readonly y: (number | null | undefined)[][];
  /** The same before smoothing. */
  readonly raw: (number | null | undefined)[][];
  /** Places on the x axis, by line, where values were not finite. */
  readonly bad: number[][];
  /** Values at or below 0, which a logarithmic axis has no place for. */
  readonly below: number;
}

/** Lines of different steps beside one x axis. */
export function chartData(lines: readonly Line[], { smooth, x: kind, logX, logY }: ChartOptions): ChartData {
  let below = 0;
  const placed = lines.map(({ points, time }) => {
    const at = kind === 'time' && time ? timesOf(points.x, time) : [...points.x];
    const positive = (value: number | null) => {
      if (value === null || !logY || value > 0) return value;
      below++;
      return null;
    };
    const raw = points.y.map(positive);
    const smoothed = smooth > 0 ? average(points.x, raw, smooth) : raw;
    const bad = kind === 'time' && time ? timesOf(points.bad, time) : [...points.bad];
    return { at, raw, smoothed, bad };
  });
  const x = [...new Set(placed.flatMap(({ at }) => at))].filter((value) => !logX || value > 0).sort((a, b) => a - b);
  const place = new Map(x.map((value, i) => [value, i]));
  const column = (at: readonly number[], values: readonly (number | null)[]) => {
    const out: (number | null | undefined)[] = new Array(x.length).fill(undefined);
    for (const [i, value] of values.entries()) {
      const to = place.get(at[i]!);
      if (to !== undefined) out[to] = value;
    }
    return out;
  };
  return {
    x,
    y: placed.map(({ at, smoothed }) => column(at, smoothed)),
    raw: placed.map(({ at, raw }) => column(at, raw)),
    bad: placed.map(({ bad }) => bad),
    below,
  };
}

/**
 * Average over about so many steps, before and behind, with weights that fall exponentially: it does not lag behind. It goes by steps, not by points: a run
 * that is drawn with fewer points is as smooth. What is not finite leaves a gap, and counts for nothing.
 */
export function average(steps: readonly number[], values: readonly (number | null)[], span: number): (number | null)[] {
  // sums of differences to one value: equal values stay what they are to the last bit
  const base = values.find((value) => value !== null) ?? 0;
  const sums = new Float64Array(values.length);
  const weights = new Float64Array(values.length);
  for (const back of [false, true]) {
    let sum = 0;
    let weight = 0;
    let last: number | undefined;
    for (let k = 0; k < values.length; k++) {
      const i = back ? values.length - 1 - k : k;
      const value = values[i];
      if (value === null || value === undefined) continue;
      const keep = last === undefined ? 0 : Math.exp(-Math.abs(steps[i]! - last) / span);
      last = steps[i]!;
      sum *= keep;
      weight *= keep;
      sums[i]! += sum;
      weights[i]! += weight;
      sum += value - base;
      weight += 1;
    }
  }
  return values.map((value, i) => (value === null ? null : base + (sums[i]! + value - base) / (weights[i]! + 1)));
}

/** When steps were done, in seconds of training; between two known ones on the line between them. */
export function timesOf(steps: readonly number[], { x, y }: Pick<Points, 'x' | 'y'>): number[] {
  let i = 0;
  return steps.map((step) => {
    while (i < x.length - 1 && x[i]! < step) i++;
    const [right, seconds] = [x[i] ?? step, y[i] ?? 0];
    if (i === 0 || right <= step) return seconds;
    const [left, before] = [x[i - 1]!, y[i - 1] ?? 0];
    return before + ((seconds - before) * (step - left)) / (right - left);
  });
}
