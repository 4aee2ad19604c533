import { createHash } from 'node:crypto';
import type { Pair } from './pair.js';

/**
 * How pairs are held out: `random` by pair, `base` by group, so that variants of one emoji never stand on both sides.
 */
export type SplitKind = 'random' | 'base';

/** Pairs for training and for evaluation. */
export interface Split {
  readonly train: Pair[];
  readonly heldOut: Pair[];
}

/** A fifth of the pairs is held out. */
const HELD_OUT_SHARE = 0.2;

/**
 * Sorts the distinct keys by the hex SHA-256 of `${seed}:${key}` and holds out the first until a fifth of the pairs is
 * (757 of 3,786, some more where groups are larger). The same in every language and on every machine.
 *
 * @param share of the pairs that is held out
 */
export function splitPairs(
  pairs: readonly Pair[],
  kind: SplitKind,
  seed: number,
  share: number = HELD_OUT_SHARE,
): Split {
  const keyOf = (pair: Pair) => (kind === 'base' ? pair.group : pair.id);
  const members = new Map<string, number>();
  for (const pair of pairs) members.set(keyOf(pair), (members.get(keyOf(pair)) ?? 0) + 1);
  const hashed = [...members.keys()].map((key) => ({
    key,
    hash: createHash('sha256').update(`${seed}:${key}`).digest('hex'),
  }));
  hashed.sort((a, b) => (a.hash < b.hash ? -1 : 1));

  const wanted = Math.floor(pairs.length * share);
  const heldOutKeys = new Set<string>();
  let count = 0;
  for (const { key } of hashed) {
    if (count >= wanted) break;
    heldOutKeys.add(key);
    count += members.get(key)!;
  }
  return {
    train: pairs.filter((pair) => !heldOutKeys.has(keyOf(pair))),
    heldOut: pairs.filter((pair) => heldOutKeys.has(keyOf(pair))),
  };
}
