import { ConfigError } from '@diptych/core';
import { type PairData, pairsAt, pairsOf } from '../data/read-pairs.js';
import type { SplitKind } from '../data/split.js';
import type { BackendName } from '../engine/backends.js';
import type { DiptychConfig } from './schema.js';

/** What `train` was asked for on the command line. */
export interface TrainFlags {
  readonly data?: string;
  readonly config?: string;
  readonly split?: SplitKind;
  readonly seed?: number;
  readonly backend?: BackendName;
  readonly steps?: number;
  /** A short run for CI: fewer steps, the same path. */
  readonly quick: boolean;
  /** Starts a new run folder even where an interrupted run could go on. */
  readonly fresh: boolean;
  readonly runs?: string;
  readonly name?: string;
}

/** What a run does, with nothing left to be decided. */
export interface TrainPlan {
  readonly data: PairData;
  readonly split: SplitKind;
  readonly seed: number;
  readonly backend: BackendName;
  readonly quick: boolean;
  readonly fresh: boolean;
  /** Folder that holds the runs. */
  readonly runs: string;
  /** Folder name of this run; without one the next number. */
  readonly name: string | undefined;
  /** In place of the recipe's. */
  readonly steps: number | undefined;
  /** File of word vectors, for a text tower from scratch. */
  readonly wordVectors: string | undefined;
}

/** Where runs are kept if nobody says. */
export const RUNS = 'runs';

/**
 * Flags go before the configuration, the configuration before defaults.
 *
 * @throws ConfigError without data
 */
export function trainPlan(flags: TrainFlags, config: DiptychConfig): TrainPlan {
  return {
    data: dataOf(flags, config),
    split: flags.split ?? config.split ?? 'base',
    seed: flags.seed ?? config.seed ?? 0,
    backend: flags.backend ?? config.backend ?? 'onnxruntime',
    quick: flags.quick,
    fresh: flags.fresh,
    runs: flags.runs ?? config.runs ?? RUNS,
    name: flags.name,
    steps: flags.steps ?? config.steps,
    wordVectors: config.wordVectors,
  };
}

function dataOf(flags: TrainFlags, { data }: DiptychConfig): PairData {
  if (flags.data !== undefined) return pairsAt(flags.data, '--data');
  if (typeof data === 'string') return pairsAt(data, 'data');
  if (data !== undefined) return pairsOf(data.name, data.about ?? data.name, data.pairs);
  throw new ConfigError({
    where: 'diptych train',
    expected: 'captioned pictures',
    got: 'none',
    remedy: 'diptych train --data pairs.jsonl, or name them in diptych.config.ts',
  });
}
