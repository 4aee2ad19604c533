import { join } from 'node:path';
import type { TrainPlan } from '../config/train-plan.js';
import { fromScratch } from './from-scratch.js';
import type { Method } from './method.js';
import { RECIPE } from './small-recipe.js';
import { HEADS_RECIPE } from './towers/fit-heads.js';
import { onTowers } from './towers/on-towers.js';
import { unreachable } from './towers/open-towers.js';
import { DEFAULT_TOWERS, type TowerNames } from './towers/tower-names.js';

/** Where the features of frozen towers are kept, for all runs. */
const FEATURES = '.features';

/** How a plan's model is trained: on the towers that it names, or those that can be had, else from scratch. */
export async function chooseMethod(plan: TrainPlan): Promise<Method> {
  const { quick, seed, split, wordVectors, tune } = plan;
  const names = plan.towers === 'auto' ? await towersInReach() : plan.towers;
  if (names === 'scratch') {
    return fromScratch({ steps: plan.steps ?? (quick ? RECIPE.quickSteps : RECIPE.steps), seed, wordVectors });
  }
  const steps = plan.steps ?? (quick ? HEADS_RECIPE.quickSteps : HEADS_RECIPE.mostSteps);
  return onTowers({
    names,
    steps,
    quick,
    seed,
    split,
    tune,
    features: join(plan.runs, FEATURES),
    featuresBytes: plan.featuresGiB * 2 ** 30,
  });
}

/** Small towers that others trained, where they are on this machine or can be fetched. */
async function towersInReach(): Promise<TowerNames | 'scratch'> {
  const { image, text } = DEFAULT_TOWERS;
  const reason = (await unreachable(image)) ?? (await unreachable(text));
  if (reason === undefined) return DEFAULT_TOWERS;
  console.warn(
    `no trained towers within reach (${reason}): training from scratch, which knows no word and no shape but those of your pairs. Of ` +
      '538 pictures it found a held-out one among the first ten for a third of the captions, small trained towers for two thirds. What ' +
      `helps: the network once (${image}, ${text}: 100 MB), or --image <folder> --text <folder> with weights that you have.`,
  );
  return 'scratch';
}
