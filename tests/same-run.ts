import { expect } from 'vitest';
import type { TenSteps } from './ten-steps.js';

/** Largest relative difference of losses: that of a step grows from rounding in the steps before. */
const TOLERANCE = 1e-4;
/** That of gradient norms over it: where rounding turns a choice of ReLU or max pooling, a term comes or goes at once. */
const CHOICES = 10;

/** Two runs of {@link TenSteps}: the same weights at the start in every bit, the same losses up to rounding. */
export function expectSameRun(actual: TenSteps, expected: TenSteps, tolerance = TOLERANCE): void {
  expect(actual.initial).toEqual(expected.initial);
  for (const kind of ['losses', 'gradNorms'] as const) {
    expect(actual[kind]).toHaveLength(expected[kind].length);
    expected[kind].forEach((value, step) => {
      const difference = Math.abs(actual[kind][step]! - value) / Math.abs(value);
      const bound = kind === 'losses' ? tolerance : CHOICES * tolerance;
      expect(difference, `${kind} of step ${step}: ${actual[kind][step]}, not ${value}`).toBeLessThan(bound);
    });
  }
}
