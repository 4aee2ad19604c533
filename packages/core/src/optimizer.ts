import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import type { PartDescription } from './description.js';

/**
 * What a training step asks of an optimizer. The update itself runs inside the compiled step; everything that changes from
 * step to step comes in through the tensor `hyper`. `defineOptimizer` of @diptych/train makes one from an update of a single
 * parameter.
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
   * Assigns new values to the parameters with a gradient, and to their state. Runs inside a compiled step.
   *
   * @param hyper float32 [n, 3] of {@link Optimizer.hyper}
   * @param gradients by position in the bound order, as they are to be used (clipped already); undefined where there is none
   * @param healthy bool scalar; where it is false nothing changes. Without it everything does.
   * @returns positions of the parameters that were updated
   */
  apply(hyper: Tensor2D, gradients: readonly (Tensor | undefined)[], healthy?: Tensor): number[];
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
  /** How to make such an optimizer again, for a model of its own: kept with checkpoints, which say of a resumed run what is otherwise. */
  describe?(): PartDescription;
  dispose(): void;
}
