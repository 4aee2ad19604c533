import { ConfigError } from '@diptych/core';
import type { Program } from '../program.js';
import type { Value } from '../value.js';

/** Rewrites a program. `isConstant` says which leaves never change. */
export type Rewrite = (program: Program, isConstant: (leaf: Value) => boolean) => Program;

/** A rewrite that every program goes through. */
export interface Pass {
  readonly run: Rewrite;
  /** What has to happen where the pass is left out. */
  readonly instead?: Rewrite;
}

/** Passes by name, in order. */
export type PassTable = Readonly<Record<string, Pass>>;

/**
 * Key of a backend's options under which benches and tests name passes to leave out: they show what each is worth, and
 * that it changes no value. No part of the public interface.
 */
const SKIPPED: unique symbol = Symbol.for('diptych.skippedPasses');

/**
 * The passes to leave out by these options.
 *
 * @throws ConfigError for a name that no pass has
 */
export function skippedPasses(label: string, options: object, known: readonly string[]): ReadonlySet<string> {
  const names = (options as { [SKIPPED]?: readonly string[] })[SKIPPED] ?? [];
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new ConfigError({ where: `${label}.skippedPasses`, expected: known.join(), got: name });
  }
  return new Set(names);
}

/** Runs the passes of a table that are not skipped. */
export function runPasses(
  passes: PassTable,
  program: Program,
  isConstant: (leaf: Value) => boolean,
  skipped: ReadonlySet<string>,
): Program {
  return Object.entries(passes).reduce((current, [name, { run, instead }]) => {
    const rewrite = skipped.has(name) ? instead : run;
    return rewrite ? rewrite(current, isConstant) : current;
  }, program);
}
