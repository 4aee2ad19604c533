import type { JsonObject } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { Generator } from '@diptych/nn';
import { compose, type ImagePipeline, normalize, randomShift, resize, toTensor } from '@diptych/preprocess/image';
import { BagOfTokens } from '@diptych/text';
import { AdamW, ImageTextMatching, InfoNCE, MultiModalEncoder, WeightedSum, warmupCosine } from '@diptych/train';
import { SmallCNN } from '@diptych/vision';
import { wordVectors } from './word-vectors.js';

/** Every number of the recipe; docs/recipes.md says what was tried beside it. */
export const RECIPE = {
  embedDim: 128,
  imageSize: 64,
  numHeads: 4,
  fusionDropout: 0.1,
  shift: 4,
  wordScale: 0.1,
  batchSize: 256,
  steps: 300,
  quickSteps: 40,
  learningRate: 1e-3,
  matcherLearningRate: 4e-3,
  betas: [0.9, 0.98],
  weightDecay: 0.05,
  warmup: 0.1,
  maxLength: 64,
  padToMultipleOf: 16,
} as const satisfies JsonObject;

/** Decodes onto white, resizes to 64 px, shifts by a few pixels in training, scales to [-1, 1]. */
export function pictureTransform(): ImagePipeline {
  const { imageSize, shift } = RECIPE;
  return compose(
    [
      resize([imageSize, imageSize], 'bicubic'),
      randomShift({ pixels: shift, fill: 'white' }),
      toTensor(),
      normalize('half'),
    ],
    { decode: { onto: 'white' } },
  );
}

/**
 * The encoder from scratch; the same seed gives the same weights on every backend.
 *
 * @param words file of word vectors that the words begin at
 */
export function buildModel(
  vocabSize: number,
  seed: number,
  words: string | undefined,
): MultiModalEncoder<AttentionFusion> {
  const { embedDim, imageSize, numHeads, fusionDropout, wordScale } = RECIPE;
  const generator = new Generator(seed);
  return new MultiModalEncoder({
    image: new SmallCNN({ embedDim, imageSize, generator }),
    text: new BagOfTokens({
      vocabSize,
      embedDim,
      generator,
      ...(words !== undefined && { wordVectors: { vectors: wordVectors(words, vocabSize), scale: wordScale } }),
    }),
    // cosine losses leave the vectors' lengths without meaning: the fusion sees them at one length
    fusion: new AttentionFusion({ embedDim, numHeads, dropout: fusionDropout, normalize: true, generator }),
    generator,
  });
}

/** What trains it: contrast between the towers, matching with hard negatives on the fused vector. */
export function buildTraining(steps: number) {
  const { learningRate, matcherLearningRate, betas, weightDecay, warmup } = RECIPE;
  const matching = { learningRate: matcherLearningRate };
  return {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching() },
    ]),
    optimizer: new AdamW({ learningRate, betas, weightDecay, groups: { fusion: matching, matcher: matching } }),
    schedule: warmupCosine({ total: steps, warmup }),
  };
}
