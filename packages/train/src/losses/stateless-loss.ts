import type { Context, LossBatch, Loss as LossInterface, LossOutput, TowerOutputs } from '@diptych/core';
import type { Variable } from '@tensorflow/tfjs-core';

/** A loss without parameters of its own: subclasses write `compute`, and `needs`, `ignores` and `check` where there is something to say. */
export abstract class StatelessLoss<Outputs extends TowerOutputs = TowerOutputs> implements LossInterface<Outputs> {
  /** The loss and its named parts, scalars; called inside `tf.tidy`. */
  abstract compute(outputs: Outputs, batch: LossBatch, context: Context): LossOutput;

  namedParameters(): Iterable<[string, Variable]> {
    return [];
  }

  namedBuffers(): Iterable<[string, Variable]> {
    return [];
  }

  dispose(): void {}
}
