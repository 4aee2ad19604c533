import type * as tf from '@tensorflow/tfjs-core';
import type { ProgramBudget, ProgramHolder } from '../program-budget.js';
import type { Trace, TraceServices } from './recording.js';

/** A trace that is ready to be replayed. */
export interface CompiledTrace extends ProgramHolder {
  /** What it was compiled to, as text. */
  readonly text: string;
  /** False once it was released, or one of its variables is gone or was frozen or thawed. */
  readonly isValid: boolean;
  /**
   * Runs the program on the tensors of the arguments, updates variables, and returns the results as fresh tensors. What was
   * recorded eagerly has to be computed by now: it may read variables that change in place.
   */
  run(args: readonly tf.Tensor[]): unknown;
}

/** What `compileFunction` needs of an engine. */
export interface CompileServices<Program extends CompiledTrace = CompiledTrace> extends TraceServices {
  readonly isRecording: boolean;
  /** Bounds what all compiled functions hold. */
  readonly budget: ProgramBudget;
  readonly counters: { readonly compiled: CompileCounters };
  compileTrace(trace: Trace): Program;
  /** Told of all recordings of a function, when it has one more. */
  recorded?(programs: readonly Program[]): void;
}

/** Functions that were recorded, recordings that turned out equal to earlier ones, and replays. */
export interface CompileCounters {
  recorded: number;
  revalidated: number;
  replayed: number;
}
