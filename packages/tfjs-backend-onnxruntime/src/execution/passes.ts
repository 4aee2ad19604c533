import { ConfigError } from '@diptych/core';
import {
  assignLayouts,
  fuseAdamW,
  fuseChannelAffine,
  fuseGelu,
  fuseNormalization,
  fuseSumOfSquares,
  fuseWindows,
  narrow,
  type Program,
  reuseActivations,
  scaleFilters,
  simplify,
  type Value,
} from '@diptych/graph';

/** Rewrites a program. `isConstant` says which leaves never change. */
type Rewrite = (program: Program, isConstant: (leaf: Value) => boolean) => Program;

interface Pass {
  run: Rewrite;
  /** What has to happen where the pass is left out. */
  instead?: Rewrite;
}

/** The passes that every program goes through, from recorded kernels to the order of memory, by name and in order. */
const PASSES: Readonly<Record<string, Pass>> = {
  simplify: { run: simplify },
  fuseAdamW: { run: fuseAdamW },
  // Before anything is fused that it could cut.
  narrow: { run: narrow },
  fuseNormalization: { run: fuseNormalization },
  // Before sums of affine forms hide the factors.
  scaleFilters: { run: scaleFilters },
  fuseChannelAffine: { run: fuseChannelAffine },
  reuseActivations: { run: reuseActivations },
  // Convolutions need channels first; without the pass each transposes its operands and its result.
  assignLayouts: {
    run: (program) => assignLayouts(program),
    instead: (program) => assignLayouts(program, { spread: false }),
  },
  fuseWindows: { run: fuseWindows },
  fuseSumOfSquares: { run: fuseSumOfSquares },
};

/** What only programs without gradients go through: operations whose parts nobody else reads. */
const INFERENCE_PASSES: Readonly<Record<string, Pass>> = {
  fuseGelu: { run: fuseGelu },
};

/** No rewrite, but switched like one: weights that do not change are part of the sessions' graphs. */
export const BAKE_WEIGHTS = 'bakeWeights';

/** Names of all passes. */
export const PASS_NAMES: readonly string[] = [...Object.keys(PASSES), ...Object.keys(INFERENCE_PASSES), BAKE_WEIGHTS];

/**
 * Key of the backend's options under which benches and tests name passes to leave out: they show what each is worth, and
 * that it changes no value. No part of the public interface.
 */
const SKIPPED: unique symbol = Symbol.for('diptych.skippedPasses');

/**
 * The passes to leave out by these options.
 *
 * @throws ConfigError for a name that no pass has
 */
export function skippedPasses(options: object): ReadonlySet<string> {
  const names = (options as { [SKIPPED]?: readonly string[] })[SKIPPED] ?? [];
  for (const name of names) {
    if (PASS_NAMES.includes(name)) continue;
    throw new ConfigError({ where: 'onnxruntime.skippedPasses', expected: PASS_NAMES.join(), got: name });
  }
  return new Set(names);
}

const NONE: ReadonlySet<string> = new Set();

/** Runs the passes of every program. */
export function optimize(program: Program, isConstant: (leaf: Value) => boolean, skipped = NONE): Program {
  return runPasses(PASSES, program, isConstant, skipped);
}

/** Runs the passes of programs without gradients, after {@link optimize}. */
export function fuseForInference(program: Program, skipped = NONE): Program {
  return runPasses(INFERENCE_PASSES, program, () => false, skipped);
}

function runPasses(
  passes: Readonly<Record<string, Pass>>,
  program: Program,
  isConstant: (leaf: Value) => boolean,
  skipped: ReadonlySet<string>,
): Program {
  return Object.entries(passes).reduce((current, [name, { run, instead }]) => {
    const rewrite = skipped.has(name) ? instead : run;
    return rewrite ? rewrite(current, isConstant) : current;
  }, program);
}
