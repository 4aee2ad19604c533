import type { SplitKind } from '../../data/split.js';
import type { TowerNames, Tune } from './tower-names.js';

/** What a run on towers can be told. */
export interface OnTowersOptions {
  readonly names: TowerNames;
  readonly tune: Tune;
  /** Of contrast, at most. */
  readonly steps: number;
  readonly quick: boolean;
  readonly seed: number;
  readonly split: SplitKind;
  /** Where features are kept, for all runs. */
  readonly features: string;
  /** Most bytes of these. */
  readonly featuresBytes: number;
}
