import type { FeatureSet } from '@diptych/train';
import type { FeatureScale } from './feature-scale.js';
import {
  type Around,
  canonicalHeads,
  contrastHeads,
  type FirstHeads,
  HEADS_RECIPE,
  type Heads,
  headsFrom,
  scoreHeads,
} from './fit-heads.js';

/** A way to make heads of training pairs. */
export interface HeadsChoice {
  readonly start: Start;
  /** Steps of contrast after it. */
  readonly steps: number;
}

/** Ridge of canonical correlation, or the towers' own space, where they share one. */
type Start = number | 'as they are';

/** What {@link HeadsMaker} works with. */
export interface HeadsMakerOptions {
  readonly scale: FeatureScale;
  readonly seed: number;
  /** Of towers that know each other: ln of their factor on similarities. */
  readonly logitScale: number | undefined;
}

/** Makes heads, and finds out by pairs that were left out how to. */
export class HeadsMaker {
  readonly #options: HeadsMakerOptions;

  constructor(options: HeadsMakerOptions) {
    this.#options = options;
  }

  /** @param views of training pairs, scaled; the first is the plain one */
  async make(views: readonly FeatureSet[], { start, steps }: HeadsChoice, around: Around = {}): Promise<Heads> {
    const heads = headsFrom(await this.#first(views[0]!, start), this.#options.logitScale);
    if (steps > 0) await contrastHeads(heads, views, { ...around, steps, seed: this.#options.seed });
    return heads;
  }

  /** The choice by which the validation pairs are found best, with at most so many steps. */
  async choose(
    views: readonly FeatureSet[],
    validation: FeatureSet,
    most: number,
    around: Around,
  ): Promise<HeadsChoice> {
    const { logitScale, seed } = this.#options;
    const starts: Start[] = [...HEADS_RECIPE.ridges, ...(logitScale === undefined ? [] : ['as they are' as const])];
    let best: { heads: Heads; start: Start; score: number } | undefined;
    for (const start of starts) {
      const heads = headsFrom(await this.#first(views[0]!, start), logitScale);
      const score = await scoreHeads(heads, validation);
      if (best && score <= best.score) heads.dispose();
      else {
        best?.heads.dispose();
        best = { heads, start, score };
      }
    }
    const { heads, start } = best!;
    const steps = await contrastHeads(heads, views, { ...around, steps: most, seed, validation });
    heads.dispose();
    return { start, steps };
  }

  async #first(training: FeatureSet, start: Start): Promise<FirstHeads> {
    return start === 'as they are' ? this.#options.scale.undoing() : canonicalHeads(training, start);
  }
}

/** `canonical correlation with a ridge of 3, then 10 steps of contrast`. */
export function describeChoice({ start, steps }: HeadsChoice): string {
  const first = start === 'as they are' ? "the towers' own space" : `canonical correlation with a ridge of ${start}`;
  return steps === 0 ? first : `${first}, then ${steps} steps of contrast`;
}
