import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parametersOf } from '@diptych/core';
import { type Measured, partSizes } from '../measured.js';
import { afterwards, evaluation, features } from '../memory-forecast.js';
import type { SplitData } from '../method.js';
import { HeadsMaker } from './choose-heads.js';
import { cacheViews } from './features.js';
import { type FusedHeads, fitMatcher, HEADS_RECIPE } from './fit-heads.js';
import type { OnTowersOptions } from './on-towers-options.js';
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
  { pairs, heldOut, batchSize }: Pick<SplitData, 'pairs' | 'heldOut' | 'batchSize'>,
): Promise<Measured> {
  const some = pairs.slice(0, SOME);
  const folder = await mkdtemp(join(tmpdir(), 'diptych-measure-'));
  try {
    let [from, begin] = [0, performance.now()];
    const onProgress = (done: number) => {
      if (done === COMPILED && some.length > COMPILED) [from, begin] = [done, performance.now()];
    };
    const { signal } = new AbortController();
    const views = await cacheViews(towers, some, {
      folder,
      maxBytes: Number.MAX_SAFE_INTEGER,
      views: 1,
      seed,
      signal,
      onProgress,
    });
    const aPair = (performance.now() - begin) / 1000 / (some.length - from);

    const stored = new StoredPairs(views, some, some);
    // as many rows as a step will have
    const rows = Array.from({ length: batchSize }, (_, i) => some[i % some.length]!);
    const maker = new HeadsMaker({ scale: stored.scale, seed, logitScale: towers.logitScale });
    const closedForm = performance.now();
    const made = await maker.make(stored.views(rows), { start: HEADS_RECIPE.ridges[1], steps: 0 });
    const aForm = (performance.now() - closedForm) / 1000;
    let first = 0;
    const { heads } = await fitMatcher(made, stored.views(rows), {
      steps: 1 + STEPS,
      seed,
      onStep: ({ step }) => {
        if (step === 1) first = performance.now();
      },
    });
    const aStep = (performance.now() - first) / 1000 / STEPS;
    const parts = partSizes(withFrozen(towers, heads));
    const width = towers.image.embedDim + towers.text.embedDim;
    const grows = [
      features(pairs.length, HEADS_RECIPE.views, width),
      evaluation(pairs.length, heldOut.length, heads.embedDim),
      afterwards,
    ];
    heads.dispose();
    return {
      parts,
      grows,
      stages: [
        { name: `towers over ${pairs.length} pairs`, seconds: aPair * pairs.length * HEADS_RECIPE.views },
        {
          name: 'heads and matcher, at most',
          seconds: (HEADS_RECIPE.ridges.length + 1) * aForm + aStep * (2 * steps + HEADS_RECIPE.matcherSteps),
        },
        ...(tune === 'heads' ? [] : [{ name: `an epoch of ${tune}, at least`, seconds: 3 * aPair * pairs.length }]),
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Parameters of the whole: the towers' as frozen, the heads' under `head`. */
function* withFrozen(towers: Towers, heads: FusedHeads) {
  for (const side of ['image', 'text'] as const) {
    for (const [name, { size }] of parametersOf(towers[side]))
      yield [`${side}.${name}`, { size, trainable: false }] as const;
  }
  for (const [name, { size, trainable }] of parametersOf(heads)) {
    // heads stay as they are while the matcher trains, but they are made here
    if (/^(image|text)\./.test(name)) yield [`heads.${name}`, { size, trainable: true }] as const;
    else yield [name, { size, trainable }] as const;
  }
}
