import type { Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs-core';

/** What an update inside a step gives. */
export interface AppliedUpdate {
  /** Positions (in the bound order) of the parameters that had a gradient. */
  readonly updated: number[];
  /** float32 [updated.length]: the sum of squares of the gradient of each of them, before clipping. */
  readonly squares: Tensor1D;
}

/**
 * What the Trainer asks of an optimizer. The update itself runs inside the compiled step; everything that changes from
 * step to step comes in through the tensor `hyper`.
 */
export interface Optimizer {
  /**
   * Takes the parameters that it may update; called once, before anything else.
   *
   * @throws ConfigError if a group chooses none of them
   */
  bind(parameters: readonly (readonly [string, Variable])[]): void;
  /** Makes state for parameters that train now and have none yet. Called before each step on which that may change. */
  prepare(): void;
  /** float32 [n, 3] for the next step: learning rate, weight decay and step count of each bound parameter. */
  hyper(factor: number): Float32Array;
  /**
   * Assigns new values to the parameters with a gradient. Runs inside a compiled step.
   *
   * @param gradients by position in the bound order; undefined where there is none
   */
  apply(hyper: Tensor2D, gradients: readonly (Tensor | undefined)[], maxNorm: number | null): AppliedUpdate;
  /** Counts a step for the updated parameters, after it has run. */
  advance(updated: readonly number[]): void;
  /** Its variables by name, for a checkpoint. */
  namedState(): Iterable<[string, Variable]>;
  /** Step count of each parameter that has one, by name. */
  stepCounts(): Record<string, number>;
  /** Sets step counts, and makes the state that they imply, before its values are loaded. */
  restoreStepCounts(counts: Readonly<Record<string, number>>): void;
  /** Learning rate of each tower at full schedule, for the log. */
  learningRates(): Record<string, number>;
  dispose(): void;
}
