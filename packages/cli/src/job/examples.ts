import { resolve } from 'node:path';
import type { ExamplePair } from '@diptych/core/node';
import type { Pair } from '../data/pair.js';

/** Held-out pairs that are ranked while a run goes on; all of them are at its end. */
const RANKED = 500;
/** Validations of a run, and the fewest and the most steps between two. */
const TIMES = 10;
const FEWEST = 25;
const MOST = 200;

/** Pairs to rank while a run goes on, spread evenly over those held out. */
export function rankedPairs(heldOut: readonly Pair[]): Pair[] {
  const count = Math.min(RANKED, heldOut.length);
  return Array.from({ length: count }, (_, k) => heldOut[Math.floor((k * heldOut.length) / count)]!);
}

/** Every how many steps a run looks at them. */
export function rankedEvery(steps: number): number {
  return Math.min(MOST, Math.max(FEWEST, Math.ceil(steps / TIMES)));
}

/** Captions and pictures as pages show them. Pairs are named by their pictures, as captions of one picture are right answers to each other. */
export function shownPairs(pairs: readonly Pair[]): ExamplePair[] {
  return pairs.map(({ image, text }) => ({ id: image, text, image: resolve(image) }));
}
