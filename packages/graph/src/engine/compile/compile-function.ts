import { EngineError } from '@diptych/core';
import { registeredVariables } from '@diptych/core/tfjs';
import type * as tf from '@tensorflow/tfjs-core';
import { type Trace, traceFunction } from './recording.js';
import type { CompiledTrace, CompileServices } from './services.js';
import { flatten } from './structure.js';

/** A function that is recorded once for each kind of arguments, and replayed. */
export type CompiledFunction<Args extends unknown[], Result> = ((...args: Args) => Result) & {
  /** What it was compiled to, as text: one program for each recording. For tests and for the curious. */
  programs(): string[];
  /** Frees what it was compiled to; the function cannot be called any more. */
  dispose(): void;
};

/** A compiled program, and the variables that there were when it was recorded. */
interface Recording<Program> {
  compiled: Program;
  key: string;
  /** A new variable may be one that the function would read. */
  variables: VariableCensus;
}

/** Tells whether variables came or went. */
interface VariableCensus {
  count: number;
  newest: tf.Variable | undefined;
}

/** At most so many recordings for one kind of arguments: the last ones, say frozen and unfrozen. */
const RECORDINGS_PER_KEY = 4;

/**
 * Compiles `fn`: the first call with arguments of a kind (structure, shapes, dtypes, static values) records what it
 * computes; later calls replay that without calling `fn`. A variable that is disposed, changes its trainability, or
 * comes new makes it record anew; a recording that turns out equal keeps its program.
 */
export function compileFunction<Args extends unknown[], Result, Program extends CompiledTrace>(
  services: CompileServices<Program>,
  fn: (...args: Args) => Result,
  build = (trace: Trace): Program => services.compileTrace(trace),
): CompiledFunction<Args, Result> {
  const recordings = new Map<string, Recording<Program>[]>();
  let disposed = false;
  let running = 0;
  const release = () => {
    for (const { compiled } of [...recordings.values()].flat()) services.budget.release(compiled);
    recordings.clear();
  };

  /** Drops recordings that were released or that can never be used again, and the oldest of too many. */
  const prune = () => {
    for (const [key, list] of recordings) {
      const kept = list.filter(({ compiled }) => compiled.isValid).slice(0, RECORDINGS_PER_KEY);
      for (const dropped of list) if (!kept.includes(dropped)) services.budget.release(dropped.compiled);
      if (kept.length > 0) recordings.set(key, kept);
      else recordings.delete(key);
    }
  };

  const find = (key: string, args: unknown[]): Program => {
    const list = recordings.get(key) ?? [];
    const variables = takeCensus();
    const current = list.find((recording) => recording.compiled.isValid && sameCensus(recording.variables, variables));
    if (current) return current.compiled;
    const trace = traceFunction(services, fn as (...args: never[]) => unknown, args);
    const same = list.find((recording) => recording.key === trace.key && recording.compiled.isValid);
    if (same) {
      services.counters.compiled.revalidated++;
      same.variables = variables;
      return same.compiled;
    }
    const compiled = build(trace);
    services.counters.compiled.recorded++;
    recordings.set(key, [{ compiled, key: trace.key, variables }, ...list]);
    prune();
    services.recorded?.([...recordings.values()].flat().map((recording) => recording.compiled));
    return compiled;
  };

  const call = (...args: Args): Result => {
    if (disposed) refuseDisposed(services.label);
    // Inside another compiled function it is part of that one.
    if (services.isRecording) return fn(...args);
    const { key, tensors } = flatten(args, 'compile: arguments');
    // Before a program is chosen: this may release programs, and read variables that the run changes in place.
    services.flush();
    running++;
    try {
      const result = find(key, args).run(tensors) as Result;
      services.counters.compiled.replayed++;
      return result;
    } finally {
      running--;
      if (disposed && running === 0) release();
    }
  };
  return Object.assign(call, {
    programs: () => [...recordings.values()].flat().map(({ compiled }) => compiled.text),
    dispose() {
      disposed = true;
      if (running === 0) release();
    },
  });
}

function takeCensus(): VariableCensus {
  const variables = registeredVariables();
  return { count: variables.length, newest: variables.at(-1) };
}

function sameCensus(a: VariableCensus, b: VariableCensus): boolean {
  return a.count === b.count && a.newest === b.newest;
}

function refuseDisposed(label: string): never {
  throw new EngineError({
    where: `${label}.compile`,
    problem: 'the compiled function was called after dispose()',
    remedy: 'compile it again',
  });
}
