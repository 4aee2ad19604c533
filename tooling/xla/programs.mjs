// What is compiled and measured: whole steps and forwards, as programs with what goes into them.
import { optimize } from '@diptych/tfjs-backend-xla';
import { aliasesOf, capture, startCapture } from './capture.mjs';
import { makeBatch, SERVED, TRAINED } from './models.mjs';

/**
 * Builds a model and records its step, or its forward.
 *
 * @param name of `TRAINED` or `SERVED`
 * @returns the trace, and whether it trains
 */
export async function record({ name, batch, tiny = false }) {
  startCapture();
  const trained = TRAINED[name];
  if (trained) {
    const { runner, vocabSize } = trained.build({ tiny });
    const rows = makeBatch(name, batch, { tiny, vocabSize });
    return capture(() => runner.run(rows, { step: 0 }));
  }
  const { forward, args } = SERVED[name](batch, { tiny });
  return capture(async () => forward(...args));
}

/** True for leaves whose values do not change from run to run. */
export const isConstantIn = (trace) => (leaf) => !trace.argumentOf.has(leaf) && !trace.variableOf.has(leaf);

/** A recorded program after its passes, with the outputs that lie over variables. */
export function prepared(trace, options) {
  const program = optimize(trace.program, isConstantIn(trace), options);
  return { program, aliases: aliasesOf(trace, program) };
}
