import type { JsonObject, Matrix } from '@diptych/core';
import type { ImagePipeline } from '@diptych/preprocess/image';
import type { StartedRun } from '@diptych/train/node';
import type { JointModel } from 'diptych';
import type { Pair } from '../data/pair.js';
import type { Split } from '../data/split.js';
import type { Measured } from './measured.js';
import type { RunFolder } from './runs.js';

/** How a model comes out of pairs: from nothing, or on towers that others trained. */
export interface Method {
  /** Every number of it, for `run.json` and the report. */
  readonly recipe: JsonObject;
  /** Steps of training, at most. */
  readonly steps: number;
  /** What pictures go through, without random changes. */
  readonly transform: ImagePipeline;
  /** Pairs of a step, at most. */
  readonly batchSize: number;
  /** @returns undefined if it was interrupted, with its state saved */
  train(material: Material): Promise<Trained | undefined>;
  /** What it would take, from a few steps. Leaves nothing behind. */
  measure(data: SplitData): Promise<Measured>;
}

/** The pairs of a plan, as a method takes them. */
export interface SplitData extends Split {
  /** All pairs: those of the split, in their own order. */
  readonly pairs: readonly Pair[];
  readonly batchSize: number;
}

/** What a method works on. */
export interface Material extends SplitData {
  readonly run: RunFolder;
  /** Who follows the run: its log, and the pictures of examples. */
  readonly started: Pick<StartedRun, 'log' | 'showPairs'>;
  /** Aborted by Ctrl-C, or by a page. */
  readonly signal: AbortSignal;
}

/** What a method gives. */
export interface Trained {
  readonly model: JointModel;
  /** `300 steps of 256 pairs`. */
  readonly training: string;
  embed(pairs: readonly Pair[]): Promise<Embedded>;
  /** Frees what training left beside the model. */
  dispose(): void;
}

/** Pairs and their embeddings: row i of both is pair i. */
export interface Embedded {
  readonly pairs: readonly Pair[];
  readonly image: Matrix;
  readonly text: Matrix;
}
