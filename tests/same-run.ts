import { expect } from 'vitest';
import type { TenSteps } from './ten-steps.js';

/** Largest relative difference of losses and gradient norms: that of a step grows from rounding in the steps before. */
const TOLERANCE = 1e-4;

/** Two runs of {@link TenSteps}: the same weights at the start in every bit, the same losses up to rounding. */
export function expectSameRun(actual: TenSteps, expected: TenSteps, tolerance = TOLERANCE): void {
  expect(actual.initial).toEqual(expected.initial);
  for (const kind of ['losses', 'gradNorms'] as const) {
    expect(actual[kind]).toHaveLength(expected[kind].length);
    expected[kind].forEach((value, step) => {
      const difference = Math.abs(actual[kind][step]! - value) / Math.abs(value);
      expect(difference, `${kind} of step ${step}: ${actual[kind][step]}, not ${value}`).toBeLessThan(tolerance);
    });
  }
}
