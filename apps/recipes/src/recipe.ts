import { RECIPE } from '@diptych/cli';
import type { FusedOutputs, Fusion, Head, ImageEncoder, Loss, TextEncoder } from '@diptych/core';
import { AttentionFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { Generator } from '@diptych/nn';
import { BagOfTokens } from '@diptych/text';
import {
  AdamW,
  type AdamWGroup,
  Classification,
  ImageTextMatching,
  InfoNCE,
  LabelLoss,
  MultiModalEncoder,
  SigLIP,
  TextFeatureHead,
  type TrainerOptions,
  Triplet,
  WeightedSum,
  warmupCosine,
} from '@diptych/train';
import { SmallCNN } from '@diptych/vision';

/** What a recipe changes of the example's. */
export interface Recipe {
  /** What the comparison is about, for the list. */
  readonly about: string;
  /** The loss on the towers. */
  readonly contrastive?: () => Loss;
  readonly fusion?: (generator: Generator) => Fusion;
  readonly groups?: Readonly<Record<string, AdamWGroup>>;
  /** Pairs seen stay the same: steps shrink as the batch grows. */
  readonly batchSize?: number;
  readonly chunkSize?: number;
  /** Emoji tags beside the label: one of the captions is drawn for each epoch. */
  readonly tags?: boolean;
  /** A frozen sentence encoder with a trained linear layer in place of the bag of tokens. */
  readonly frozenText?: boolean;
  /** The emoji's group is learned as well, from the joint vector or from one tower's. */
  readonly groupOn?: Head['on'];
  readonly logitScale?: number;
  readonly logitBias?: number;
}

const { embedDim, numHeads, fusionDropout: dropout } = RECIPE;

/** Every comparison of docs/recipes.md, by name. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  base: { about: "the example's recipe before its words had vectors and its captions tags" },
  siglip: {
    about: 'SigLIP in place of InfoNCE',
    contrastive: () => new SigLIP(),
    logitScale: Math.log(10),
    logitBias: -10,
  },
  triplet: { about: 'triplet with the hardest negatives in place of InfoNCE', contrastive: () => new Triplet() },
  concat: {
    about: 'concatenation and two layers in place of attention',
    fusion: (generator) => new ConcatMlpFusion({ embedDim, dropout, generator }),
  },
  gated: { about: 'gated fusion', fusion: (generator) => new GatedFusion({ embedDim, generator }) },
  'attention-raw': {
    about: 'attention without normalised inputs',
    fusion: (generator) => new AttentionFusion({ embedDim, numHeads, dropout, generator }),
  },
  'co-attention': {
    about: 'co-attention over patches and tokens, one layer',
    fusion: (generator) => new CoAttentionFusion({ embedDim, numHeads, numLayers: 1, dropout, generator }),
  },
  'text-fast': {
    about: 'text tower at three times the rate',
    groups: { text: { learningRate: 3 * RECIPE.learningRate } },
  },
  'text-slow': {
    about: 'text tower at a third of the rate',
    groups: { text: { learningRate: RECIPE.learningRate / 3 } },
  },
  'batch-1024': { about: 'batch of 1,024, as many pairs seen', batchSize: 1024 },
  'batch-1024-chunked': {
    about: 'batch of 1,024 in chunks of 256 (GradCache), as many pairs seen',
    batchSize: 1024,
    chunkSize: 256,
  },
  tags: { about: 'tags as extra captions', tags: true },
  'group-pair': { about: 'the group of each emoji from picture and name', groupOn: 'fused' },
  'group-picture': { about: 'the group of each emoji from its picture alone', groupOn: 'image' },
  'group-name': { about: 'the group of each emoji from its name alone', groupOn: 'text' },
  minilm: { about: 'frozen all-MiniLM-L6-v2 with a trained projection as text tower', frozenText: true },
};

/**
 * The model of a recipe; the same seed gives the same first weights.
 *
 * @param groups names of the emojis' groups, where the recipe learns them
 * @param featureDim width of the frozen text tower's vectors, where the recipe has one
 */
export function buildModel(
  recipe: Recipe,
  vocabSize: number,
  seed: number,
  featureDim: number | undefined,
  groups: readonly string[] | undefined,
): MultiModalEncoder<Fusion> {
  const generator = new Generator(seed);
  const image: ImageEncoder = new SmallCNN({ embedDim, imageSize: RECIPE.imageSize, generator });
  const text: TextEncoder =
    featureDim === undefined
      ? new BagOfTokens({ vocabSize, embedDim, generator })
      : new TextFeatureHead({ featureDim, embedDim, generator });
  const fusion: Fusion =
    recipe.fusion?.(generator) ?? new AttentionFusion({ embedDim, numHeads, dropout, normalize: true, generator });
  const { logitScale, logitBias, groupOn: on } = recipe;
  const heads = groups && on ? { group: new Classification({ embedDim, classes: groups, on, generator }) } : undefined;
  return new MultiModalEncoder({ image, text, fusion, ...(heads && { heads }), generator, logitScale, logitBias });
}

/** How a recipe trains. */
export function buildTraining(recipe: Recipe, steps: number, seed: number): TrainerOptions<FusedOutputs> {
  const matching = { learningRate: RECIPE.matcherLearningRate };
  return {
    loss: new WeightedSum<FusedOutputs>([
      { name: 'contrastive', loss: recipe.contrastive?.() ?? new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching() },
      ...(recipe.groupOn ? [{ name: 'labels', loss: new LabelLoss() }] : []),
    ]),
    optimizer: new AdamW({
      learningRate: RECIPE.learningRate,
      betas: RECIPE.betas,
      weightDecay: RECIPE.weightDecay,
      groups: { fusion: matching, matcher: matching, ...recipe.groups },
    }),
    schedule: warmupCosine({ total: steps, warmup: RECIPE.warmup }),
    seed,
    chunkSize: recipe.chunkSize,
  };
}
