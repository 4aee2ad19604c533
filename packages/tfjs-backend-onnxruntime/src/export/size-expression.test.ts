import { expect, it } from 'vitest';
import { describe, evaluate, fit, fitRounded, gridOf } from './size-expression.js';

const fitted = (f: (...sizes: number[]) => number, base: number[], other: number[]) =>
  fit(gridOf(base, other).map((sizes) => ({ sizes, value: f(...sizes) })));

it.each<[string, (b: number, t: number) => number]>([
  ['7', () => 7],
  ['batch', (b) => b],
  ['1 + length', (_, t) => t + 1],
  ['3*batch', (b) => 3 * b],
  ['batch + batch*length', (b, t) => b * (t + 1)],
  ['-2 + 4*batch + 12*batch*length', (b, t) => 12 * b * t + 4 * b - 2],
  ['0', () => 0],
])('finds %s', (text, f) => {
  for (const [base, other] of [[[5, 8], [4, 7]], [[2, 2], [3, 3]]] as const) {
    const expression = fitted(f as (...sizes: number[]) => number, [...base], [...other]);
    expect(describe(expression, ['batch', 'length'])).toBe(text);
    expect(evaluate(expression, [1, 64])).toBe(f(1, 64));
  }
}); // biome-ignore format: short pairs

it('finds factors that are no whole numbers, through rounding', () => {
  const rounded = (f: (...sizes: number[]) => number, base: number[], other: number[]) =>
    fitRounded(gridOf(base, other).map((sizes) => ({ sizes, value: 1 / Math.fround(1 / f(...sizes)) })));
  expect(
    evaluate(
      rounded((b) => 2.5 * b!, [5], [4]),
      [640],
    ),
  ).toBeCloseTo(1600, 2);
  expect(rounded((b, t) => 6 * b! * t!, [8, 7], [7, 6])).toEqual([{ factor: 6, sizes: [0, 1] }]);
  expect(rounded((b, t) => b! * (t! + 1), [8, 7], [7, 6])).toEqual([
    { factor: 1, sizes: [0] },
    { factor: 1, sizes: [0, 1] },
  ]);
});
