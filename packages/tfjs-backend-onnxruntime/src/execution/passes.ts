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
import { type PassTable, runPasses } from '@diptych/graph/engine';

/** The passes that every program goes through, from recorded kernels to the order of memory, by name and in order. */
const PASSES: PassTable = {
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
const INFERENCE_PASSES: PassTable = {
  fuseGelu: { run: fuseGelu },
};

/** No rewrite, but switched like one: weights that do not change are part of the sessions' graphs. */
export const BAKE_WEIGHTS = 'bakeWeights';

/** Names of all passes. */
export const PASS_NAMES: readonly string[] = [...Object.keys(PASSES), ...Object.keys(INFERENCE_PASSES), BAKE_WEIGHTS];

const NONE: ReadonlySet<string> = new Set();

/** Runs the passes of every program. */
export function optimize(program: Program, isConstant: (leaf: Value) => boolean, skipped = NONE): Program {
  return runPasses(PASSES, program, isConstant, skipped);
}

/** Runs the passes of programs without gradients, after {@link optimize}. */
export function fuseForInference(program: Program, skipped = NONE): Program {
  return runPasses(INFERENCE_PASSES, program, () => false, skipped);
}
