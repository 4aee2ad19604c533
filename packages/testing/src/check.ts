import { checkFields, checkList, checkMethods, checkText } from '@diptych/core';

/** One property that a part must have. `run` throws a {@link ContractViolation} (or what the part throws) if it has not. */
export interface Check {
  /** What holds, as a sentence: "rows do not depend on each other". */
  readonly name: string;
  run(): Promise<void>;
}

/** The two functions that every test runner has: vitest, jest, mocha, node:test. */
export interface Runner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** A part does not keep its contract. */
export class ContractViolation extends Error {
  override readonly name = 'ContractViolation';
}

/**
 * Checks what a suite is told of a part.
 *
 * @throws ConfigError unless it has the field that the suite cannot do without
 */
export function checkContract(where: string, contract: object, field: string): void {
  checkFields(where, 'a contract', contract, [field]);
}

/** Registers checks as the tests of one suite. */
export function register(runner: Runner, suite: string, checks: readonly Check[]): void {
  checkMethods('testing', runner, ['describe', 'it'], 'pass { describe, it } of your test runner');
  checkText('testing', 'the name of the suite', suite);
  runner.describe(suite, () => {
    for (const { name, run } of checks) runner.it(name, run);
  });
}

/**
 * Runs checks without a test runner, all of them, also after a failure.
 *
 * @returns the failed ones with their errors; empty if the contract is kept
 */
export async function runChecks(checks: readonly Check[]): Promise<{ name: string; error: unknown }[]> {
  checkList('testing.runChecks', 'checks', checks);
  for (const check of checks) checkFields('testing.runChecks', 'a check', check, ['name', 'run']);
  const failures: { name: string; error: unknown }[] = [];
  for (const { name, run } of checks) {
    try {
      await run();
    } catch (error) {
      failures.push({ name, error });
    }
  }
  return failures;
}

/** Throws a {@link ContractViolation} unless the condition holds. */
export function ensure(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new ContractViolation(typeof message === 'string' ? message : message());
}
