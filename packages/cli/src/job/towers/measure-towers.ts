import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parametersOf } from '@diptych/core';
import type { Pair } from '../../data/pair.js';
import { type Measured, partSizes } from '../measured.js';
import { cacheViews } from './features.js';
import { fitHeads, HEADS_RECIPE } from './fit-heads.js';
import type { OnTowersOptions } from './on-towers.js';
import type { Towers } from './open-towers.js';
import { StoredPairs } from './stored-pairs.js';

/** Three batches of the towers; the first is also compiled. */
const SOME = 96;
const COMPILED = 32;
const STEPS = 3;

/** What frozen towers and heads would take, from three batches of the one and three steps of the other. */
export async function measureTowers(
  towers: Towers,
  { steps, seed, tune }: OnTowersOptions,
  { pairs, batchSize }: { readonly pairs: readonly Pair[]; readonly batchSize: number },
): Promise<Measured> {
  const some = pairs.slice(0, SOME);
  const folder = await mkdtemp(join(tmpdir(), 'diptych-measure-'));
  try {
    let [from, begin] = [0, performance.now()];
    const onProgress = (done: number) => {
      if (done === COMPILED && some.length > COMPILED) [from, begin] = [done, performance.now()];
    };
    const { signal } = new AbortController();
    const views = await cacheViews(towers, some, { folder, views: 1, seed, signal, onProgress });
    const aPair = (performance.now() - begin) / 1000 / (some.length - from);

    const stored = new StoredPairs(views, some, some);
    // as many rows as a step will have
    const rows = Array.from({ length: batchSize }, (_, i) => some[i % some.length]!);
    let first = 0;
    const { heads } = await fitHeads(stored.views(rows), {
      steps: 1 + STEPS,
      seed,
      onStep: ({ step }) => {
        if (step === 1) first = performance.now();
      },
    });
    const aStep = (performance.now() - first) / 1000 / STEPS;
    const parts = partSizes(withFrozen(towers, heads));
    heads.dispose();
    return {
      parts,
      stages: [
        { name: `towers over ${pairs.length} pairs`, seconds: aPair * pairs.length * HEADS_RECIPE.views },
        { name: `heads, ${steps} steps, twice`, seconds: 2 * aStep * steps },
        ...(tune === 'heads' ? [] : [{ name: `an epoch of ${tune}, at least`, seconds: 3 * aPair * pairs.length }]),
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Parameters of the whole: the towers' as frozen, the heads' under `head`. */
function* withFrozen(towers: Towers, heads: Awaited<ReturnType<typeof fitHeads>>['heads']) {
  for (const side of ['image', 'text'] as const) {
    for (const [name, { size }] of parametersOf(towers[side]))
      yield [`${side}.${name}`, { size, trainable: false }] as const;
  }
  for (const [name, { size, trainable }] of parametersOf(heads)) {
    yield [/^(image|text)\./.test(name) ? `heads.${name}` : name, { size, trainable }] as const;
  }
}
