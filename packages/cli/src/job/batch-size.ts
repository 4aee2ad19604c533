import { TrainingError } from '@diptych/core';
import type { Pair } from '../data/pair.js';

/** What {@link batchSizeFor} goes by. */
export interface BatchSizeOptions {
  readonly largest: number;
  /** Names the data in messages. */
  readonly where: string;
  /** What could not be used, by reason. */
  readonly notUsable: string;
  readonly warn: (message: string) => void;
}

/** Below this many pairs, what is learned is mostly these pairs by heart. */
const FEW_PAIRS = 50;

/**
 * The batch follows the data: the recipe's size, or all pairs where there are fewer.
 *
 * @param warn told what to expect of very few pairs
 * @throws TrainingError where no loss could work: fewer than two pairs to train on or to hold out
 */
export function batchSizeFor(
  train: readonly Pair[],
  heldOut: readonly Pair[],
  { largest, where, notUsable, warn }: BatchSizeOptions,
): number {
  if (train.length < 2 || heldOut.length < 2) {
    throw new TrainingError({
      where,
      expected: 'at least 2 pairs to train on and 2 to hold out',
      got: `${train.length} and ${heldOut.length}, and not usable: ${notUsable}`,
      remedy: "add pairs, or look at the run's quarantine.jsonl for what could not be used",
    });
  }
  if (train.length < FEW_PAIRS) {
    warn(
      `only ${train.length} pairs to train on: a model from scratch will know these and little else; more pairs, or towers that ` +
        'others trained (docs/train.md, frozen towers), help most',
    );
  }
  return Math.min(largest, train.length);
}
