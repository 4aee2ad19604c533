import { checkFunction, checkOptions } from '@diptych/core';
import {
  fuseAdamW,
  fuseNormalization,
  narrow,
  type Program,
  reuseActivations,
  simplify,
  type Value,
} from '@diptych/graph';
import { checkProgram } from './check-program.js';

/** Rewrites a program. `isConstant` says which leaves never change. */
type Rewrite = (program: Program, isConstant: (leaf: Value) => boolean) => Program;

/**
 * The passes of @diptych/graph that programs go through before they are lowered, by name and in order. Those that choose orders of memory, windows and
 * fused forms for engines of ready-made operators are left out: XLA does that by itself, knowing the device.
 */
export const PASSES: Readonly<Record<string, { readonly run: Rewrite }>> = {
  simplify: { run: simplify },
  fuseAdamW: { run: fuseAdamW },
  // Before anything is fused that it could cut.
  narrow: { run: narrow },
  fuseNormalization: { run: fuseNormalization },
  reuseActivations: { run: reuseActivations },
};

/** Those after which every operation still stands by itself, so that {@link dataParallel} can divide them. */
const BEFORE_DIVISION = ['simplify', 'narrow'];

/** Runs the passes, or only those that come before a program is divided among devices. */
export function optimize(
  program: Program,
  isConstant: (leaf: Value) => boolean,
  options: { readonly forDivision?: boolean } = {},
): Program {
  checkProgram('tfjs-backend-xla.optimize', program);
  checkFunction('tfjs-backend-xla.optimize', 'isConstant', isConstant);
  checkOptions('tfjs-backend-xla.optimize', options, { forDivision: 'optional' });
  const { forDivision = false } = options;
  const names = forDivision ? BEFORE_DIVISION : Object.keys(PASSES);
  return names.reduce((current, name) => PASSES[name]!.run(current, isConstant), program);
}
