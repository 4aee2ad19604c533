import type { JsonObject } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { Generator } from '@diptych/nn';
import {
  AdamW,
  evaluate,
  type FeatureSet,
  type FitOptions,
  type ImageFeatureHead,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  type TextFeatureHead,
  Trainer,
  WeightedSum,
  warmupConstant,
} from '@diptych/train';
import { viewsSource } from './views-source.js';

/** Every number of the recipe of heads; docs/recipes.md says what was tried beside it. */
export const HEADS_RECIPE = {
  embedDim: 256,
  numHeads: 4,
  fusionDropout: 0.1,
  views: 1,
  batchSize: 512,
  learningRate: 1e-3,
  matcherLearningRate: 1e-3,
  weightDecay: 0.1,
  warmup: 10,
  mostSteps: 300,
  quickSteps: 40,
  validateEvery: 10,
  patience: 6,
  validationShare: 0.15,
} as const satisfies JsonObject;

/** Heads on stored features, with what stands on them. */
export type Heads = MultiModalEncoder<AttentionFusion> & {
  readonly image: ImageFeatureHead;
  readonly text: TextFeatureHead;
};

/** How {@link fitHeads} trains. */
export interface FitHeadsOptions extends Pick<FitOptions, 'signal' | 'log' | 'onStep' | 'onEvent'> {
  readonly steps: number;
  readonly seed: number;
  /** Pairs that choose the step: training ends when these get no better. */
  readonly validation?: FeatureSet;
  readonly logitScale?: number;
}

/** What {@link fitHeads} gives. */
export interface FittedHeads {
  readonly heads: Heads;
  /** Step at which the validation pairs were found best; the last one without these. */
  readonly bestStep: number;
  readonly stopped: 'done' | 'aborted' | 'early';
}

/**
 * Trains heads, fusion and matcher on scaled features.
 *
 * @param views of the training pairs
 */
export async function fitHeads(views: readonly FeatureSet[], options: FitHeadsOptions): Promise<FittedHeads> {
  const { steps, seed, validation, logitScale, signal, log, onStep, onEvent } = options;
  const { embedDim, numHeads, fusionDropout, learningRate, matcherLearningRate, weightDecay, warmup } = HEADS_RECIPE;
  const generator = new Generator(seed);
  const image = views[0]!.imageHead({ embedDim, generator });
  const text = views[0]!.textHead({ embedDim, generator });
  const fusion = new AttentionFusion({ embedDim, numHeads, dropout: fusionDropout, normalize: true, generator });
  const heads = new MultiModalEncoder({ image, text, fusion, generator, logitScale }) as Heads;
  const matching = { learningRate: matcherLearningRate };
  const trainer = new Trainer(heads, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching() },
    ]),
    optimizer: new AdamW({ learningRate, weightDecay, groups: { fusion: matching, matcher: matching } }),
    schedule: warmupConstant({ warmup }),
    seed,
  });
  let best = { step: 0, score: Number.NEGATIVE_INFINITY };
  const batchSize = Math.min(HEADS_RECIPE.batchSize, views[0]!.ids.length);
  try {
    const { stopped } = await trainer.fit(viewsSource(views, batchSize, seed), {
      steps,
      signal,
      log,
      onStep,
      onEvent: async (event) => {
        if (event.kind === 'validation' && event.metrics.mrr! > best.score) {
          best = { step: event.step, score: event.metrics.mrr! };
        }
        await onEvent?.(event);
      },
      ...(validation && {
        validate: {
          run: async () => ({ mrr: await scoreHeads(heads, validation!) }),
          everySteps: HEADS_RECIPE.validateEvery,
          monitor: 'mrr',
          patience: HEADS_RECIPE.patience,
        },
      }),
    });
    return { heads, bestStep: validation ? best.step : trainer.step, stopped };
  } finally {
    trainer.dispose();
  }
}

/** How well heads find pairs by scaled features: the mean reciprocal rank, both ways. Smoother than recalls of a few dozen pairs. */
export async function scoreHeads(heads: Heads, features: FeatureSet): Promise<number> {
  const source = features.source({ batchSize: features.ids.length, shuffle: false, dropLast: false });
  const { textToImage, imageToText } = await evaluate(heads, source, { onWarning: () => {} });
  return (textToImage.mrr + imageToText.mrr) / 2;
}
