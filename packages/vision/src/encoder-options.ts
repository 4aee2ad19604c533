import { ConfigError } from '@diptych/core';

/**
 * Checks that one size divides another.
 *
 * @throws ConfigError if it does not
 */
export function checkDivides(where: string, what: string, divisor: number, whole: string, value: number): void {
  if (value % divisor === 0) return;
  throw new ConfigError({ where, expected: `${what} to divide ${whole} ${value}`, got: String(divisor) });
}

/**
 * Checks a probability of stochastic depth.
 *
 * @throws ConfigError unless it is in [0, 1)
 */
export function checkDropPathRate(where: string, rate: number): void {
  if (rate >= 0 && rate < 1) return;
  throw new ConfigError({ where, expected: 'dropPathRate in [0, 1)', got: String(rate) });
}

/**
 * Checks a factor on channels or blocks.
 *
 * @throws ConfigError unless it is a number above 0
 */
export function checkMultiplier(where: string, what: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new ConfigError({ where, expected: `${what} to be a number above 0`, got: String(value) });
}
