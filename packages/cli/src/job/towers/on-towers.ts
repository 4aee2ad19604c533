import { type FeatureSet, withTowers } from '@diptych/train';
import { JointModel } from 'diptych';
import type { Pair } from '../../data/pair.js';
import { splitPairs } from '../../data/split.js';
import { trainCommand } from '../../terminal/command-names.js';
import { type Progress, showCount, showProgress } from '../../terminal/progress.js';
import { say } from '../../terminal/say.js';
import { embedWith } from '../embed-with.js';
import { rankedPairs, shownPairs } from '../examples.js';
import type { Material, Method, Trained } from '../method.js';
import { describeChoice, type HeadsChoice, HeadsMaker } from './choose-heads.js';
import { cacheViews } from './features.js';
import { FINE_TUNE_RECIPE, fineTune } from './fine-tune.js';
import { type FusedHeads, fitMatcher, HEADS_RECIPE, scoreHeads } from './fit-heads.js';
import { measureTowers } from './measure-towers.js';
import type { OnTowersOptions } from './on-towers-options.js';
import { openTowers, type Towers } from './open-towers.js';
import { StoredPairs } from './stored-pairs.js';
import type { Tune } from './tower-names.js';

/** Validations while the matcher trains. */
const MATCHER_LOOKS = 3;
/** Below this many validation pairs, what they choose is chance. */
const FEWEST_VALIDATION_PAIRS = 10;

/**
 * Heads on two towers that others trained: the towers run once over pictures and captions, heads are made of what they gave. A part of the
 * training pairs chooses how; then all of them are used. With `tune` the towers train as well, from heads that left the choosing pairs
 * out, and stay so if these pairs are found better by it.
 */
export async function onTowers(options: OnTowersOptions): Promise<Method> {
  const { names, tune, steps, split, seed, quick } = options;
  const towers = await openTowers(names);
  return {
    recipe: { ...HEADS_RECIPE, ...names, tune, ...(tune !== 'heads' && { fineTune: FINE_TUNE_RECIPE }) },
    steps,
    transform: towers.transform.plain,
    batchSize: HEADS_RECIPE.batchSize,
    measure: (material) => measureTowers(towers, options, material),
    async train(material) {
      const { pairs, train, heldOut, signal, started } = material;
      const views = await featuresOf(towers, pairs, options, signal);
      if (!views) return interrupted();
      const stored = new StoredPairs(views, pairs, train);
      const maker = new HeadsMaker({ scale: stored.scale, seed, logitScale: towers.logitScale });
      const { train: fitted, heldOut: validation } = splitPairs(train, split, seed, HEADS_RECIPE.validationShare);
      let choice: HeadsChoice = { start: HEADS_RECIPE.ridges[1], steps: 0 };
      if (validation.length >= FEWEST_VALIDATION_PAIRS) {
        choice = await maker.choose(stored.views(fitted), stored.plain(validation), steps, { signal });
        if (signal.aborted) return interrupted();
        say(`${validation.length} of the training pairs, left out, were found best by ${describeChoice(choice)}`);
        if (tune !== 'heads') {
          const tuned = await tunedTowers(towers, { maker, choice, stored, fitted, validation, options, material });
          if (tuned !== 'no better') return tuned;
        }
      } else if (tune !== 'heads') {
        console.warn(
          `too few pairs to choose by (${validation.length}) how long the towers train: they stay as they are`,
        );
      }

      let progress: Progress | undefined;
      const matcherSteps = quick ? HEADS_RECIPE.quickMatcherSteps : HEADS_RECIPE.matcherSteps;
      const made = await maker.make(stored.views(train), choice, { signal });
      const ranked = rankedPairs(heldOut);
      started.showPairs(shownPairs(ranked));
      const { heads, stopped } = await fitMatcher(made, stored.views(train), {
        steps: matcherSteps,
        seed,
        signal,
        log: started.log,
        validate: {
          retrieval: {
            heldOut: stored.plain(ranked).source({ batchSize: ranked.length, shuffle: false, dropLast: false }),
          },
          everySteps: Math.ceil(matcherSteps / MATCHER_LOOKS),
        },
        onStep: (report) => {
          progress ??= showProgress(matcherSteps, 0);
          progress.update(report);
        },
      });
      progress?.stop();
      if (stopped === 'aborted') return interrupted();
      stored.scale.fold(heads);
      // towers that were tuned in vain are no longer what made the features
      const model = jointModel(heads, tune === 'heads' ? towers : await openTowers(names));
      return {
        model,
        training: `heads on frozen towers (${describeChoice(choice)}) and ${matcherSteps} steps of the matcher`,
        embed: (of) => stored.embed(heads, of),
        dispose: () => {},
      };
    },
  };
}

interface Tuning {
  readonly maker: HeadsMaker;
  readonly choice: HeadsChoice;
  readonly stored: StoredPairs;
  readonly fitted: readonly Pair[];
  readonly validation: readonly Pair[];
  readonly options: OnTowersOptions;
  readonly material: Material;
}

/** @returns undefined if it was interrupted, with its state saved */
async function tunedTowers(
  towers: Towers,
  { maker, choice, stored, fitted, validation, options, material }: Tuning,
): Promise<Trained | undefined | 'no better'> {
  const { tune, quick, seed } = options;
  const { signal, run, started } = material;
  const { epochs: most, quickEpochs } = FINE_TUNE_RECIPE;
  const matcherSteps = quick ? HEADS_RECIPE.quickMatcherSteps : HEADS_RECIPE.matcherSteps;
  const made = await maker.make(stored.views(fitted), choice, { signal });
  const { heads } = await fitMatcher(made, stored.views(fitted), { steps: matcherSteps, seed, signal });
  if (signal.aborted) return interrupted();
  const before = await scoreHeads(heads, stored.plain(validation));
  stored.scale.fold(heads);
  const model = jointModel(heads, towers);
  const after = await fineTune(
    model.encoder as ReturnType<typeof jointEncoder>,
    towers,
    { fitted, validation },
    {
      tune: tune as Exclude<Tune, 'heads'>,
      epochs: quick ? quickEpochs : most,
      seed,
      folder: run.path,
      started,
      signal,
    },
  );
  if (after === undefined) {
    say(`\nsaved; the next ${trainCommand()} goes on from there`);
    return undefined;
  }
  const change = `mean reciprocal rank of the pairs left out ${before.toFixed(3)} with heads alone, ${after.toFixed(3)} with ${tune}`;
  if (after <= before) {
    say(`${change}: the towers stay as they were`);
    model.dispose();
    return 'no better';
  }
  say(change);
  return { model, training: `heads, then ${tune}`, embed: (of) => embedWith(model, of), dispose: () => {} };
}

function jointEncoder(heads: FusedHeads, { image, text }: Towers) {
  return withTowers(heads, { image, text });
}

function jointModel(heads: FusedHeads, towers: Towers): JointModel {
  const { tokenizer, tokenize, transform } = towers;
  return new JointModel({ encoder: jointEncoder(heads, towers), transform: transform.plain, tokenizer, tokenize });
}

/** @returns undefined if it was interrupted */
async function featuresOf(
  towers: Towers,
  pairs: readonly Pair[],
  { features: folder, featuresBytes: maxBytes, seed }: OnTowersOptions,
  signal: AbortSignal,
): Promise<FeatureSet[] | undefined> {
  const { views } = HEADS_RECIPE;
  const progress = showCount('pairs through the towers', pairs.length * views);
  try {
    return await cacheViews(towers, pairs, { folder, maxBytes, views, seed, signal, onProgress: progress.update });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    progress.stop();
  }
}

function interrupted(): undefined {
  say(`\nthe towers' features are saved; the next ${trainCommand()} goes on from there`);
  return undefined;
}
