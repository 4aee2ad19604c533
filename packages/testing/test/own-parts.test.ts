import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TextInput } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { compose, imageTransform, randomShift, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer } from '@diptych/text';
import { ImageTextMatching, InfoNCE, Matryoshka, SigLIP, Triplet, WeightedSum } from '@diptych/train';
import { ClipVision, ConvNeXt, ResNet, SiglipVision, SmallCNN, ViT } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { randomNormal, testEncoder, testFusion, testImageTransform, testLoss, testTokenizer } from '../src/index.js';

// diptych's own parts keep the contracts that it publishes.
const runner = { describe, it };
const golden = resolve(import.meta.dirname, '../../../golden');
const pictures = (side: number) => (size: number, seed: number) =>
  randomNormal<tf.Rank.R4>([size, side, side, 3], seed);

/** Rows of ids in [1, 20), of three lengths; CLIP's end token, the highest id, is each row's last. */
function texts(size: number, seed: number, endToken?: number): TextInput {
  const length = 8;
  const rows = Array.from({ length: size }, (_, row) => {
    const real = length - ((row + seed) % 3);
    return Array.from({ length }, (_, i) => {
      if (i >= real) return 0;
      return endToken !== undefined && i === real - 1 ? endToken : 3 + ((i * 5 + row * 7 + seed * 11) % 15);
    });
  });
  return {
    inputIds: tf.tensor2d(rows, [size, length], 'int32'),
    attentionMask: tf.tensor2d(
      rows.map((row) => row.map((id) => (id === 0 ? 0 : 1))),
      [size, length],
      'int32',
    ),
  };
}

beforeAll(() => tf.setBackend('cpu'));

const tower = { hiddenSize: 16, depth: 2, numHeads: 2, intermediateSize: 32 };
const keyBias = [/(key|k_proj|kProj|qkv|in_proj)(_|\.)?bias$/];

const imageEncoders = {
  SmallCNN: { side: 16, create: () => new SmallCNN({ embedDim: 8, imageSize: 16, channels: [4, 8] }) },
  'ResNet with basic blocks': {
    side: 32,
    create: () => new ResNet({ block: 'basic', layers: [1, 1, 1, 1], width: 4 }, { embedDim: 8 }),
  },
  'ResNet with bottlenecks': {
    side: 32,
    create: () => new ResNet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }, { embedDim: 8 }),
  },
  ViT: { side: 8, create: () => new ViT({ ...tower, imageSize: 8, patchSize: 4 }, { embedDim: 8 }) },
  ConvNeXt: { side: 32, create: () => new ConvNeXt({ depths: [1, 1, 1, 1], widths: [4, 8, 8, 8] }, { embedDim: 8 }) },
  ClipVision: { side: 8, create: () => new ClipVision({ ...tower, imageSize: 8, patchSize: 4, projectionDim: 8 }) },
  SiglipVision: { side: 8, create: () => new SiglipVision({ ...tower, imageSize: 8, patchSize: 4 }) },
};
for (const [name, { side, create }] of Object.entries(imageEncoders)) {
  testEncoder(runner, name, { create, input: pictures(side), withoutGradient: keyBias });
}

const bert = {
  vocabSize: 20,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 32,
  maxPositionEmbeddings: 20,
};
const words = { vocabSize: 20, contextLength: 16, ...tower };
const textEncoders = {
  BagOfTokens: { create: () => new BagOfTokens({ vocabSize: 20, embedDim: 8 }) },
  SmallTransformer: {
    create: () => new SmallTransformer({ vocabSize: 20, embedDim: 16, depth: 2, numHeads: 2, maxPositions: 16 }),
  },
  'Bert, class token': { create: () => new Bert(bert, { embedDim: 8 }) },
  'Bert, mean, normalised': { create: () => new Bert(bert, { pooling: 'mean', normalize: true }) },
  'Bert, pooler': { create: () => new Bert(bert, { pooling: 'pooler' }) },
  ClipText: { create: () => new ClipText({ ...words, projectionDim: 8 }), endToken: 19 },
  SiglipText: { create: () => new SiglipText({ ...words, contextLength: 8 }), seesPadding: true },
};
for (const [name, part] of Object.entries(textEncoders)) {
  const endToken = 'endToken' in part ? part.endToken : undefined;
  const input = (size: number, seed: number) => texts(size, seed, endToken);
  const seesPadding = 'seesPadding' in part;
  testEncoder(runner, name, { create: part.create, input, seesPadding, withoutGradient: keyBias });
}

testFusion(runner, 'AttentionFusion', {
  create: () => new AttentionFusion({ embedDim: 8, numHeads: 2, dropout: 0.1 }),
});
testFusion(runner, 'AttentionFusion, normalised, with modality dropout', {
  create: () => new AttentionFusion({ embedDim: 8, numHeads: 2, normalize: true, modalityDropout: 0.3 }),
  // Whether a placeholder is used in a batch is drawn at random.
  withoutGradient: [/^missing\./],
});

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
