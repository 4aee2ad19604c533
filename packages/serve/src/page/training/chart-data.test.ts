import { describe, expect, it } from 'vitest';
import { average, chartData, type Line, timesOf } from './chart-data.js';

const line = (x: number[], y: (number | null)[], bad: number[] = []): Line => ({
  label: 'a',
  colour: 'red',
  dash: [],
  points: { w: 1, x, y, bad },
});
const plain = { smooth: 0, x: 'steps', logX: false, logY: false } as const;

describe('average', () => {
  it('leaves what is constant as it is, to the last bit', () => {
    const values = new Array(500).fill(1e-4 / 3);
    expect(
      average(
        values.map((_, i) => i + 1),
        values,
        20,
      ),
    ).toEqual(values);
  });

  it('does not hide what is not finite, nor stop there', () => {
    const smooth = average([1, 2, 3, 4], [4, null, 2, 2], 5);
    expect(smooth[1]).toBeNull();
    expect(smooth[2]).toBeGreaterThan(2);
    expect(smooth[2]).toBeLessThan(4);
  });

  it('is as smooth with fewer points, and does not lag', () => {
    const steps = Array.from({ length: 400 }, (_, i) => i + 1);
    const all = average(steps, steps, 20);
    const tenth = steps.filter((step) => step % 10 === 0);
    const some = average(tenth, tenth, 20);
    expect(Math.abs(some[20]! - all[209]!)).toBeLessThan(1);
    expect(all[200]).toBeCloseTo(201, 2);
  });
});

describe('chartData', () => {
  it('puts runs of other steps beside one axis', () => {
    const { x, y } = chartData([line([1, 2, 3], [1, 2, 3]), line([2, 4], [20, null])], plain);
    expect(x).toEqual([1, 2, 3, 4]);
    expect(y).toEqual([
      [1, 2, 3, undefined],
      [undefined, 20, undefined, null],
    ]);
  });

  it('counts what a logarithmic axis cannot show', () => {
    const found = chartData([line([0, 1, 2], [0, 5, -1])], { ...plain, logY: true, logX: true });
    expect(found).toMatchObject({ x: [1, 2], y: [[5, null]], below: 2 });
  });

  it('goes by time of training, also where a step in between was not timed', () => {
    const time = { w: 1, x: [1, 2, 10], y: [5, 10, 50], bad: [] };
    expect(timesOf([1, 2, 6, 10, 12], time)).toEqual([5, 10, 30, 50, 50]);
    const found = chartData([{ ...line([2, 10], [1, 2], [10]), time }], { ...plain, x: 'time' });
    expect(found).toMatchObject({ x: [10, 50], bad: [[50]] });
  });
});
