import type { JsonObject, MatrixData } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { Generator } from '@diptych/nn';
import {
  AdamW,
  evaluate,
  type FeatureSet,
  type FitOptions,
  ImageFeatureHead,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  TextFeatureHead,
  Trainer,
  WeightedSum,
  warmupConstant,
} from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { canonicalMaps } from './canonical.js';
import { viewsSource } from './views-source.js';

/** Every number of the recipe of heads; docs/recipes.md says what was tried beside it. */
export const HEADS_RECIPE = {
  embedDim: 256,
  /** Of canonical correlation; the validation pairs choose one. */
  ridges: [1, 3, 10],
  power: 0.75,
  /** Views of each pair: the plain one, then some with random changes. */
  views: 1,
  batchSize: 512,
  /** Of the contrast that may follow, in units of each head's mean absolute weight. */
  relativeRate: 0.02,
  mostSteps: 100,
  quickSteps: 20,
  validateEvery: 5,
  patience: 4,
  numHeads: 4,
  fusionDropout: 0.5,
  matcherSteps: 60,
  quickMatcherSteps: 20,
  matcherLearningRate: 1e-3,
  weightDecay: 0.05,
  warmup: 10,
  validationShare: 0.15,
} as const satisfies JsonObject;

/** Two linear heads on scaled features, and the scale of their similarities. */
export type Heads = MultiModalEncoder & { readonly image: ImageFeatureHead; readonly text: TextFeatureHead };

/** The same with a fusion and a matcher. */
export type FusedHeads = MultiModalEncoder<AttentionFusion> & Pick<Heads, 'image' | 'text'>;

/** Where heads begin: the weights of two linear maps. */
export interface FirstHeads {
  /** [D, features] each. */
  readonly image: MatrixData;
  readonly text: MatrixData;
  /** [D] each; 0 where they are not given. */
  readonly biases?: { readonly image: Float32Array; readonly text: Float32Array };
}

/** Heads in closed form, by canonical correlation of the training pairs. */
export async function canonicalHeads(training: FeatureSet, ridge: number): Promise<FirstHeads> {
  const { numHeads, power } = HEADS_RECIPE;
  const most = Math.min(HEADS_RECIPE.embedDim, training.image.shape[1], training.text.shape[1], training.ids.length);
  // the fusion's heads share the width
  const embedDim = Math.max(numHeads, most - (most % numHeads));
  const { image, text } = await canonicalMaps(training.image, training.text, { embedDim, ridge, power });
  return { image, text };
}

/** The model that these weights make, on scaled features: vectors of length 1 on average, so that rates mean the same everywhere. */
export function headsFrom({ image, text, biases }: FirstHeads, logitScale: number | undefined): Heads {
  const head = (Kind: typeof ImageFeatureHead | typeof TextFeatureHead, weight: MatrixData, bias?: Float32Array) => {
    const [embedDim, featureDim] = weight.shape;
    const made = new Kind({ embedDim, featureDim, seed: 0 });
    tf.tidy(() => {
      made.linear.weight.assign(tf.tensor2d(weight.data, [embedDim, featureDim]));
      made.linear.bias!.assign(bias ? tf.tensor1d(bias) : tf.zeros([embedDim]));
    });
    return made;
  };
  return new MultiModalEncoder({
    image: head(ImageFeatureHead, image, biases?.image) as ImageFeatureHead,
    text: head(TextFeatureHead, text, biases?.text) as TextFeatureHead,
    logitScale,
  }) as Heads;
}

/** Who hears of training, and what may end it. */
export type Around = Pick<FitOptions, 'signal' | 'log' | 'onStep' | 'validate'>;

/**
 * Trains heads further by contrast.
 *
 * @param views of the training pairs, scaled
 * @param validation pairs that choose the step: training ends when these get no better
 * @returns the step at which they were found best, 0 for the first heads; the last one without these
 */
export async function contrastHeads(
  heads: Heads,
  views: readonly FeatureSet[],
  {
    steps,
    seed,
    validation,
    ...around
  }: Around & { readonly steps: number; readonly seed: number; readonly validation?: FeatureSet },
): Promise<number> {
  const { relativeRate, validateEvery, patience } = HEADS_RECIPE;
  const rate = (weight: tf.Variable) => ({ learningRate: relativeRate * meanSize(weight), weightDecay: 0 });
  const trainer = new Trainer(heads, {
    loss: new InfoNCE(),
    optimizer: new AdamW({
      learningRate: relativeRate,
      groups: { image: rate(heads.image.linear.weight), text: rate(heads.text.linear.weight) },
    }),
    seed,
  });
  let best = { step: 0, score: validation ? await scoreHeads(heads, validation) : 0 };
  const judge = (step: number, score: number) => {
    if (score > best.score) best = { step, score };
  };
  try {
    await trainer.fit(viewsSource(views, batchSizeOf(views), seed), {
      ...around,
      steps,
      onEvent: (event) => {
        if (event.kind === 'validation') judge(event.step, event.metrics.mrr!);
      },
      ...(validation && {
        validate: {
          run: async () => ({ mrr: await scoreHeads(heads, validation) }),
          everySteps: validateEvery,
          monitor: 'mrr',
          patience,
        },
      }),
    });
    return validation ? best.step : trainer.step;
  } finally {
    trainer.dispose();
  }
}

function meanSize(weight: tf.Variable): number {
  return tf.tidy(() => tf.mean(tf.abs(weight)).dataSync()[0]!) || 1;
}

/**
 * Trains what says whether a picture and a caption belong together, on heads that stay as they are.
 *
 * @param views of the training pairs, scaled
 */
export async function fitMatcher(
  heads: Heads,
  views: readonly FeatureSet[],
  { steps, seed, ...around }: Around & { readonly steps: number; readonly seed: number },
): Promise<{ readonly heads: FusedHeads; readonly stopped: 'done' | 'aborted' | 'early' }> {
  const { numHeads, fusionDropout: dropout, matcherLearningRate: learningRate, weightDecay, warmup } = HEADS_RECIPE;
  const { image, text, embedDim } = heads;
  const generator = new Generator(seed);
  const fusion = new AttentionFusion({ embedDim, numHeads, dropout, normalize: true, generator });
  const fused = new MultiModalEncoder({ image, text, fusion, generator }) as FusedHeads;
  fused.logitScale.assign(heads.logitScale);
  const trainer = new Trainer(fused, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching() },
    ]),
    optimizer: new AdamW({ learningRate, weightDecay }),
    schedule: warmupConstant({ warmup }),
    freeze: [{ match: ['image', 'text'] }],
    seed,
  });
  try {
    const { stopped } = await trainer.fit(viewsSource(views, batchSizeOf(views), seed), {
      ...around,
      steps,
      onEvent: () => {},
    });
    return { heads: fused, stopped };
  } finally {
    trainer.dispose();
  }
}

function batchSizeOf(views: readonly FeatureSet[]): number {
  return Math.min(HEADS_RECIPE.batchSize, views[0]!.ids.length);
}

/** How well heads find pairs by scaled features: the mean reciprocal rank, both ways. Smoother than recalls of a few dozen pairs. */
export async function scoreHeads(heads: Heads | FusedHeads, features: FeatureSet): Promise<number> {
  const source = features.source({ batchSize: features.ids.length, shuffle: false, dropLast: false });
  const { textToImage, imageToText } = await evaluate(heads, source, { onWarning: () => {} });
  return (textToImage.mrr + imageToText.mrr) / 2;
}
