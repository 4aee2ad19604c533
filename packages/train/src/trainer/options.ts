import type { JsonObject, Loss, PairBatch, TowerOutputs } from '@diptych/core';
import type { Optimizer } from '../optimizers/optimizer.js';
import type { Schedule } from '../schedules/schedules.js';
import type { HostRows } from './device-batch.js';

/**
 * Where batches come from: `DataLoader` of `@diptych/data`, or any object like it.
 *
 * Two iterations of one epoch must give the same batches, or a resumed run goes on with other data.
 */
export interface BatchSource {
  /** The batches of epoch n (from 0). */
  epoch(n: number): AsyncIterable<PairBatch> | Iterable<PairBatch>;
  /** Number of batches of an epoch, where it is known: for the ETA. */
  readonly batchesPerEpoch?: number | undefined;
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
  /** True where the step changed nothing because loss or gradients were not finite. */
  readonly skipped: boolean;
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
}

/** How a run of `fit` ended. */
export interface FitResult {
  readonly stopped: 'done' | 'aborted' | 'early';
  /** Steps of the whole run so far. */
  readonly steps: number;
  /** Epochs completed. */
  readonly epochs: number;
  readonly loss: number;
  readonly seconds: number;
}

/** A record of a log: one JSON object a line. */
export type LogRecord = JsonObject;
