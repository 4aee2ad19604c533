import type { OptionNames } from '@diptych/core';
import type { Metric } from '../format/commit-log.js';

/** What every store of vectors elsewhere is told. */
export interface StoreOptions {
  /** Of the vectors. */
  readonly embedDim: number;
  /** Default `cosine`. */
  readonly metric?: Metric;
}

/** The names of these. */
export const STORE: OptionNames<StoreOptions> = { embedDim: 'required', metric: 'optional' };
