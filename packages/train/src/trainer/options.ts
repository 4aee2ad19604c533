import type { JsonObject, Loss, Optimizer, PairBatch, TowerOutputs } from '@diptych/core';
import type { Schedule } from '../schedules/schedules.js';
import type { NamePattern } from '../towers.js';
import type { CheckpointStore } from './checkpoint-store.js';
import type { HostRows } from './device-batch.js';
import type { EmaOptions } from './ema.js';
import type { FreezeRule } from './freeze-schedule.js';
import type { SettingChange } from './run-settings.js';
import type { ValidationMetrics, ValidationOptions } from './validation.js';

/**
 * Where batches come from: `DataLoader` of `@diptych/data`, or any object like it.
 *
 * Two iterations of one epoch must give the same batches, or a resumed run goes on with other data.
 */
export interface BatchSource {
  /** The batches of epoch n (from 0). */
  epoch(n: number): AsyncIterable<PairBatch> | Iterable<PairBatch>;
  /**
   * Every row once, in the source's own order, none dropped and none augmented: what evaluation and embedding read. Without it they
   * read `epoch(0)`.
   */
  inOrder?(): AsyncIterable<PairBatch> | Iterable<PairBatch>;
  /** Number of batches of an epoch, where it is known: for the ETA. */
  readonly batchesPerEpoch?: number | undefined;
  /** Where it stands after the last batch that it gave, as plain JSON. */
  state?(): unknown;
  /** Makes the next `epoch` of that state go on after it. Without it, a resumed run skips the batches that it has had. */
  resume?(state: unknown): void | Promise<void>;
  /**
   * A digest of what its items are, whatever file they lie in: a run that is resumed on other content is refused. Asked for
   * once, before the first step of a run with checkpoints.
   */
  fingerprint?(): Promise<string | undefined>;
  /** Takes back a batch that was trained on. The source may write a later batch to its memory: nobody reads it any more. */
  recycle?(batch: PairBatch): void;
}

/** How a {@link Trainer} trains. */
export interface TrainerOptions<Outputs extends TowerOutputs = TowerOutputs> {
  readonly loss: Loss<Outputs>;
  /** Default `new AdamW()`. */
  readonly optimizer?: Optimizer;
  /** Factor on the rates by step; default constant. */
  readonly schedule?: Schedule;
  /** Of dropout and of drawn negatives. Default 0. */
  readonly seed?: number;
  /** Gradients are scaled down to this global norm. Default: no clipping. */
  readonly clipNorm?: number;
  /** Extra rows that the loss reads as `batch.targets`, e.g. a teacher's embeddings of these ids. */
  readonly targets?: (batch: PairBatch) => Readonly<Record<string, HostRows>>;
  /**
   * Takes the batch through the towers in chunks of this many pairs: the step of the whole batch in the memory of a chunk
   * (GradCache). Equal to it up to rounding, but for batch norm in training, which sees chunks.
   */
  readonly chunkSize?: number;
  /**
   * Blocks whose inner activations are computed again for the gradients, by module path: less memory for more time, on
   * backends that run operator by operator. A compiling engine merges equal operators, which undoes it.
   */
  readonly recompute?: readonly NamePattern[];
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
  /** Measures how far each tower moves every so many steps (`updateRatios`); default 50, 0 for never. */
  readonly rhythmEvery?: number;
}

/** What is known after a step. */
export interface StepReport {
  /** Steps done so far, this one included. */
  readonly step: number;
  readonly epoch: number;
  /** Steps of the whole run, where known. */
  readonly total: number | undefined;
  readonly loss: number;
  /** Named parts of the loss. */
  readonly parts: Readonly<Record<string, number>>;
  /** Global norm before clipping. */
  readonly gradNorm: number;
  /** The same for each tower. */
  readonly towerGradNorms: Readonly<Record<string, number>>;
  /** Rate of each tower in this step. */
  readonly learningRates: Readonly<Record<string, number>>;
  /** Pairs in this step's batch. */
  readonly pairs: number;
  /** Mean over the last steps. */
  readonly pairsPerSecond: number;
  /** Since `fit` began. */
  readonly seconds: number;
  /** Until the end, where it is known. */
  readonly etaSeconds: number | undefined;
  /** |change| / |weights| of each tower in this step, on the steps that measure it. */
  readonly updateRatios: Readonly<Record<string, number>> | undefined;
  /** Where loss or gradients were not finite and the step changed nothing: the first bad tensor. */
  readonly nonFinite: string | undefined;
}

/** Something worth knowing that is no step. */
export type TrainingEvent =
  | { readonly kind: 'warning'; readonly message: string }
  /** A step that changed nothing, with what it needs to be run again: its step number and pairs. */
  | { readonly kind: 'nonFinite'; readonly step: number; readonly tensor: string; readonly ids: readonly string[] }
  | { readonly kind: 'validation'; readonly step: number; readonly metrics: ValidationMetrics }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly name: string }
  /** What does not train from this step on, by part: at the first step, and whenever it changes. */
  | { readonly kind: 'frozen'; readonly step: number; readonly parts: readonly string[] }
  /** Goes on from a checkpoint, with what is otherwise than it was when that was saved. */
  | { readonly kind: 'resumed'; readonly step: number; readonly changes: readonly SettingChange[] }
  /** A checkpoint that cannot be used was passed over. */
  | { readonly kind: 'checkpointDamaged'; readonly name: string; readonly message: string }
  /** The checkpoints of an older run were put aside for a new one (`fresh`). */
  | { readonly kind: 'movedAside'; readonly to: string }
  | { readonly kind: 'checkpointFailed'; readonly step: number; readonly message: string };

/** Where records of a run go, e.g. `jsonlLog(path)` of `@diptych/train/node`. */
export interface TrainingLog {
  write(record: LogRecord): void | Promise<void>;
}

/** How long and with what around it `fit` runs. */
export interface FitOptions {
  /** Ends after this many epochs of the whole run, resumed ones included. */
  readonly epochs?: number;
  /** Ends after this many steps of the whole run. One of the two, or both: whichever comes first. */
  readonly steps?: number;
  /** Ends after the current step when aborted. */
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void | Promise<void>;
  /** Warnings, validations, checkpoints. Without it warnings go to the console. */
  readonly onEvent?: (event: TrainingEvent) => void | Promise<void>;
  /** Gets every step and event as one JSON object each. */
  readonly log?: TrainingLog;
  /** A folder (Node; its snapshots lie in `checkpoints/`), or a store. Saved every so often, at the end and on abort. */
  readonly checkpoint?: string | CheckpointStore;
  /** Default: after each epoch. */
  readonly checkpointEvery?: { readonly steps?: number; readonly epochs?: number };
  /**
   * Goes on from the latest checkpoint, or begins where there is none. Default false: a place that holds another run's
   * checkpoints is refused.
   */
  readonly resume?: boolean;
  /**
   * Puts another run's checkpoints aside (deleting none) and begins anew. With `resume`: only where all of them are damaged.
   */
  readonly fresh?: boolean;
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

/** A record of a log: one JSON object a line. */
export type LogRecord = JsonObject;
