import { describe, expect, it } from 'vitest';
import { joined } from '../page/training/live-runs.js';
import type { Points } from '../page/training/runs-source.js';
import { Series } from './series.js';

const filled = (count: number, value: (step: number) => number = (step) => step) => {
  const series = new Series();
  for (let step = 1; step <= count; step++) series.add(step, value(step), step);
  return series;
};

describe('Series', () => {
  it('keeps short runs whole', () => {
    expect(filled(3).part(100, 0)).toEqual({ after: -1, w: 1, x: [1, 2, 3], y: [1, 2, 3], bad: [] });
  });

  it('bounds long ones, and loses neither a spike nor what was not finite', () => {
    const series = filled(100_000, (step) => (step === 70_001 ? 1000 : step === 50_000 ? Number.NaN : 1));
    const { x, hi, lo, w, bad, y } = series.part(1024, 0);
    expect(x.length).toBeLessThanOrEqual(1024);
    expect(x.length).toBeGreaterThan(500);
    expect(w).toBe(128);
    expect(x.at(-1)).toBe(100_000);
    expect(Math.max(...(hi as number[]))).toBe(1000);
    expect(Math.min(...(lo as number[]))).toBe(1);
    expect(y.every((value) => value !== null)).toBe(true);
    expect(bad).toEqual([50_000]);
    expect(series.part(100, 0).x.length).toBeLessThanOrEqual(100);
  });

  it.each([
    [200, 1024],
    [5000, 1024],
    [3000, 100],
    [2600, 17],
  ])('sends ends that join to the same as the whole: %i steps, %i points', (count, points) => {
    const series = new Series();
    let known: Points | undefined;
    let position = 0;
    for (let step = 1; step <= count; step++) {
      series.add(step, Math.sin(step), step);
      if (step === 150) series.cut(140, step); // a process that was killed goes on from its checkpoint
      if (step % 37 !== 0 && step !== count) continue;
      known = joined(known, series.part(points, position));
      position = step;
    }
    const { after: _, ...whole } = series.part(points, 0);
    expect(known).toEqual(whole);
  });

  it('forgets what is behind a step', () => {
    const series = filled(10);
    series.cut(4, 11);
    series.add(5, 50, 12);
    expect(series.part(100, 10)).toMatchObject({ after: -1, x: [1, 2, 3, 4, 5], y: [1, 2, 3, 4, 50] });
    expect(series.last).toBe(50);
  });
});
