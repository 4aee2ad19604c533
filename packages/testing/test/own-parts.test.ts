import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { compose, imageTransform, randomShift, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { ImageTextMatching, InfoNCE, Matryoshka, SigLIP, Triplet, WeightedSum } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { testFusion, testImageTransform, testLoss, testTokenizer } from '../src/index.js';

// diptych's own parts keep the contracts that it publishes; the encoders' suites are in vision and text.
const runner = { describe, it };
const golden = resolve(import.meta.dirname, '../../../golden');
beforeAll(() => tf.setBackend('cpu'));

const keyBias = [/(key|k_proj|in_proj)(_|\.)?bias$/];

testFusion(runner, 'AttentionFusion', {
  create: () => new AttentionFusion({ embedDim: 8, numHeads: 2, dropout: 0.1 }),
});
testFusion(runner, 'AttentionFusion, normalised, with modality dropout', {
  create: () => new AttentionFusion({ embedDim: 8, numHeads: 2, normalize: true, modalityDropout: 0.3 }),
  // Whether a placeholder is used in a batch is drawn at random.
  withoutGradient: [/^missing\./],
});

const sizes = { embedDim: 8, dropout: 0.1 };
const fusions = {
  BottleneckFusion: () => new BottleneckFusion({ ...sizes, numHeads: 2, numLatents: 3, numLayers: 2 }),
  CoAttentionFusion: () => new CoAttentionFusion({ ...sizes, numHeads: 2, numLayers: 2, intermediateSize: 16 }),
  ConcatMlpFusion: () => new ConcatMlpFusion({ ...sizes, intermediateSize: 16 }),
  GatedFusion: () => new GatedFusion({ embedDim: 8 }),
};
for (const [name, create] of Object.entries(fusions)) testFusion(runner, name, { create, withoutGradient: keyBias });

testLoss(runner, 'InfoNCE', { create: () => new InfoNCE(), usesPositives: true });
testLoss(runner, 'InfoNCE, smoothed', { create: () => new InfoNCE({ labelSmoothing: 0.1, temperature: 0.1 }) });
testLoss(runner, 'SigLIP', { create: () => new SigLIP(), usesPositives: true });
testLoss(runner, 'Triplet, hardest', { create: () => new Triplet(), usesPositives: true });
testLoss(runner, 'Triplet, all', { create: () => new Triplet({ hinges: 'sum' }), usesPositives: true });
testLoss(runner, 'ImageTextMatching', { create: () => new ImageTextMatching() });
testLoss(runner, 'Matryoshka', { create: () => new Matryoshka({ loss: new InfoNCE(), dims: [4, 16] }) });
testLoss(runner, 'WeightedSum', {
  create: () =>
    new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE(), weight: 1 },
      { name: 'matching', loss: new ImageTextMatching(), weight: 0.5 },
    ]),
});

testTokenizer(runner, "BERT's WordPiece", { create: () => tokenizer(resolve(golden, 'tokenizer/vocab.txt')) });

const encoded = readFileSync(resolve(golden, 'resize/sources/astronaut.png'));
testImageTransform(runner, "ImageNet's transform", { create: () => imageTransform('imagenet'), encoded });
testImageTransform(runner, "CLIP's transform", { create: () => imageTransform('clip'), encoded });
testImageTransform(runner, 'a pipeline with random shifts', {
  create: () => compose([resize([32, 32], 'bilinear'), randomShift({ pixels: 3 }), toTensor()]),
  encoded,
});
