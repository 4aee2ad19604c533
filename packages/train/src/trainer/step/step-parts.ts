import type { Loss, Optimizer, TowerOutputs } from '@diptych/core';
import type { Precision } from '@diptych/nn';
import type { Variable } from '@tensorflow/tfjs-core';
import type { TrainableModel } from '../../trainable-model.js';
import type { Recomputation } from './recompute.js';

/** What a step acts on. */
export interface StepParts<Outputs extends TowerOutputs = TowerOutputs> {
  readonly model: TrainableModel<Outputs>;
  readonly loss: Loss<Outputs>;
  readonly optimizer: Optimizer;
  /** Everything that may train, by name, in the order in which the optimizer is bound to it. */
  readonly parameters: readonly (readonly [string, Variable])[];
  readonly buffers: readonly (readonly [string, Variable])[];
  /** Largest global gradient norm; Infinity clips nothing. */
  readonly clipNorm: number;
  /** Rows with equal captions are positives of each other. Default true. */
  readonly equalCaptions?: boolean | undefined;
  /** See `TrainerOptions`. */
  readonly precision?: Precision | undefined;
  /** Blocks that are computed again for the gradients. */
  readonly recompute?: Recomputation;
}
