import type { Communicator, Loss, Optimizer, TowerOutputs } from '@diptych/core';
import type { ParameterPattern, Precision } from '@diptych/nn';
import type { TargetRows } from '../batches/stored-targets.js';
import type { Schedule } from '../schedules/schedules.js';
import type { EmaOptions } from './ema.js';
import type { FreezeRule } from './freeze-schedule.js';
import type { CheckpointStore } from './run/checkpoint-store.js';
import type { CheckpointEvery, Entry } from './run/run-checkpoints.js';
import type { Listeners } from './run/run-events.js';
import type { ValidationOptions } from './validation.js';

/** How a {@link Trainer} trains. */
export interface TrainerOptions<Outputs extends TowerOutputs = TowerOutputs> {
  readonly loss: Loss<Outputs>;
  /** Default `new AdamW()`. */
  readonly optimizer?: Optimizer;
  /** Factor on the rates by step; default constant. */
  readonly schedule?: Schedule;
  /** Of dropout and of drawn negatives. Default 0. */
  readonly seed?: number;
  /**
   * Pairs with equal captions in a batch are positives of each other, as pairs with equal ids are; the first batch that has some is
   * told as an event. Default true.
   */
  readonly equalCaptions?: boolean;
  /** Gradients are scaled down to this global norm. Default: no clipping. */
  readonly clipNorm?: number;
  /** Extra rows that the loss reads as `batch.targets`, e.g. a teacher's embeddings of these ids. */
  readonly targets?: TargetRows;
  /**
   * Takes the batch through the towers in chunks of this many pairs: the step of the whole batch in the memory of a chunk
   * (GradCache). Equal to it up to rounding, but for batch norm in training, which sees chunks.
   */
  readonly chunkSize?: number;
  /**
   * Blocks whose inner activations are computed again for the gradients, by module path: less memory for more time, on
   * backends that run operator by operator. A compiling engine merges equal operators, which undoes it.
   */
  readonly recompute?: ParameterPattern;
  /**
   * The arithmetic of products and convolutions in a step, on engines that have a choice (`xla`): `bf16` takes bfloat16 operands and sums
   * in float32; weights, moments, statistics and the loss stay float32, so that nothing has to be scaled. Default: the engine's.
   */
  readonly precision?: Precision;
  /** Keeps averaged weights, see `trainer.withAverages`. */
  readonly ema?: EmaOptions;
  /** What does not train, and for how long: `[{ match: 'text', untilStep: 100 }]`. */
  readonly freeze?: readonly FreezeRule[];
  /**
   * What to do when loss or gradients are not finite. Such a step changes nothing. `stop` (default) ends the run with a
   * TrainingError that names the first bad tensor; `skip` goes on, up to ten times in a row.
   */
  readonly nonFinite?: 'stop' | 'skip';
  /**
   * What to do when something that trains gets no gradient in the first step, or in the first after freezing changed: the
   * loss does not depend on it, and it would stay as it was drawn. `error` (default) ends the run, `warn` goes on.
   */
  readonly unusedParameters?: 'error' | 'warn';
  /**
   * Trains together with other processes: `await mpi()` of `@diptych/distributed`, started by `mpirun`. Each rank gets its share of
   * every batch (`ranks` of the DataLoader), the loss sees the pairs of all, and every rank makes the same update, that of one
   * process on the whole batch. Rank 0 writes checkpoints and the log, and validates; where a rank fails, all end.
   */
  readonly communicator?: Communicator;
  /** Measures how far each tower moves every so many steps (`updateRatios`); default 50, 0 for never. */
  readonly rhythmEvery?: number;
}

/** How long and with what around it `fit` runs. */
export interface FitOptions extends Listeners, Entry {
  /** Ends after this many epochs of the whole run, resumed ones included. */
  readonly epochs?: number;
  /** Ends after this many steps of the whole run. One of the two, or both: whichever comes first. */
  readonly steps?: number;
  /** Ends after the current step when aborted. */
  readonly signal?: AbortSignal;
  /** A folder (Node; its snapshots lie in `checkpoints/`), or a store. Saved every so often, at the end and on abort. */
  readonly checkpoint?: string | CheckpointStore;
  /** Default: after each epoch. */
  readonly checkpointEvery?: CheckpointEvery;
  readonly validate?: ValidationOptions;
}

/** How a run of `fit` ended. */
export interface FitResult {
  readonly stopped: 'done' | 'aborted' | 'early';
  /** Steps of the whole run so far. */
  readonly steps: number;
  /** Epochs completed. */
  readonly epochs: number;
  /** Of the last step; NaN where there was none. */
  readonly loss: number;
  readonly seconds: number;
}
