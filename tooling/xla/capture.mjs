// Programs of whole steps without running them: a backend whose compiled functions are recorded and go no further.
import { EngineBackend, flatten, registerKernels, replacedLeaves, traceFunction } from '@diptych/graph/engine';
import * as tf from '@tensorflow/tfjs-core';

/** Ends what called a compiled function, once that is recorded. */
class Captured extends Error {}

const NAME = 'xla-capture';

class CaptureBackend extends EngineBackend {
  counters = { kernels: {}, portablePrograms: 0 };
  trace;

  constructor() {
    super(NAME);
  }

  /** Whatever is computed outside of the step is small: initial values. */
  isSmall() {
    return true;
  }

  runProgram() {
    throw new Error('nothing is run here');
  }

  [Symbol.for('diptych.compile')](fn) {
    const call = (...args) => {
      const given = flatten(args, 'capture').tensors;
      const trace = traceFunction(this, fn, args);
      const dataOf = (leaf) => {
        const position = trace.argumentOf.get(leaf);
        const tensor = position === undefined ? trace.variableOf.get(leaf) : given[position];
        return tensor ? this.dataOf(tensor) : leaf.data;
      };
      // arguments are disposed by who called; their data is kept
      for (const tensor of given) this.incRef(tensor.dataId);
      this.trace = { ...trace, dataOf };
      throw new Captured('recorded');
    };
    return Object.assign(call, { dispose: () => {} });
  }
}

let backend;

/** Selects the recording backend; what is built afterwards lives on it. */
export function startCapture() {
  if (!backend) {
    registerKernels(NAME);
    backend = new CaptureBackend();
    tf.registerBackend(NAME, () => backend);
  }
  tf.setBackend(NAME);
}

/**
 * What the first compiled function that `run` calls computes.
 *
 * @returns the trace, with `dataOf` that gives the values that its leaves had
 */
export async function capture(run) {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Captured)) throw error;
  }
  const { trace } = backend;
  if (!trace) throw new Error('no compiled function was called');
  backend.trace = undefined;
  return trace;
}

/** input -> output, of variables whose new value may lie over the old one. Takes the program before or after passes. */
export function aliasesOf(trace, program) {
  const place = new Map(program.inputs.map((leaf, i) => [leaf, i]));
  const replaced = replacedLeaves(program.outputs, trace);
  return new Map(
    [...replaced].flatMap(([output, leaf]) =>
      place.has(leaf) ? [[place.get(leaf), program.outputs.indexOf(output)]] : [],
    ),
  );
}
