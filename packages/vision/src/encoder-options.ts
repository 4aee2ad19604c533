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
