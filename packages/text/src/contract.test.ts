import '@tensorflow/tfjs-backend-cpu';
import { Generator } from '@diptych/nn';
import { testEncoder } from '@diptych/testing';
import { describe, it } from 'vitest';
import { tokens } from '../test/tokens.js';
import { BagOfTokens, Bert, type BertConfig, ClipText, SmallTransformer } from './index.js';

const vocabSize = 40;
const END = vocabSize - 1;
const LENGTH = 6;

/** Rows of different lengths, all of them padded to one. */
function input(size: number, seed: number) {
  const draws = new Generator(seed).uniform(size * LENGTH, 1, END);
  const rows = Array.from({ length: size }, (_, row) => {
    const ids = [...draws.slice(row * LENGTH, row * LENGTH + LENGTH - 1 - (row % 3))];
    return [...ids.map(Math.floor), END];
  });
  return tokens(rows, LENGTH);
}

const config: BertConfig = {
  vocabSize,
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 12,
};

testEncoder({ describe, it }, 'BagOfTokens', { create: () => new BagOfTokens({ vocabSize, embedDim: 8 }), input });
testEncoder({ describe, it }, 'SmallTransformer', {
  create: () => new SmallTransformer({ vocabSize, embedDim: 8, depth: 2 }).bindPaths('text'),
  input,
});
testEncoder({ describe, it }, 'Bert', {
  create: () => new Bert(config, { embedDim: 6, pooling: 'mean' }).bindPaths('text'),
  input,
});
testEncoder({ describe, it }, 'Bert with its pooler', {
  create: () => new Bert(config, { pooling: 'pooler', normalize: true }).bindPaths('text'),
  input,
});
testEncoder({ describe, it }, 'DistilBERT', {
  create: () => new Bert({ ...config, typeVocabSize: 0 }).bindPaths('text'),
  input,
});
testEncoder({ describe, it }, 'RoBERTa', {
  create: () => new Bert({ ...config, typeVocabSize: 1, positions: 'roberta' }).bindPaths('text'),
  input,
});
testEncoder({ describe, it }, 'ClipText', {
  create: () => new ClipText({ vocabSize, contextLength: 12, hiddenSize: 8, depth: 2, numHeads: 2, projectionDim: 6 }),
  input,
});
