import type { TextEncoder } from '@diptych/core';
import { Generator, type Module } from '@diptych/nn';
import { BagOfTokens, Bert, type BertConfig, ClipText, SiglipText, SmallTransformer } from '../src/index.js';
import { tokens } from './tokens.js';

const vocabSize = 40;
const END = vocabSize - 1;

/** Length of the rows of {@link batchOf}. */
export const LENGTH = 6;

/** Rows of different lengths that end with the end token, all padded to one length. */
export function batchOf(size: number, seed: number) {
  const draws = new Generator(seed).uniform(size * LENGTH, 1, END);
  const rows = Array.from({ length: size }, (_, row) => {
    const ids = [...draws.slice(row * LENGTH, row * LENGTH + LENGTH - 1 - (row % 3))];
    return [...ids.map(Math.floor), END];
  });
  return tokens(rows, LENGTH);
}

const bert: BertConfig = {
  vocabSize,
  hiddenSize: 8,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 12,
  maxPositions: 12,
};
const tower = { vocabSize, maxPositions: 12, hiddenSize: 8, numLayers: 2, numHeads: 2 };

/** Every kind of encoder, small; each knows its path, so that it can drop. */
export const SMALL_ENCODERS: Readonly<Record<string, () => TextEncoder & Module>> = {
  BagOfTokens: () => new BagOfTokens({ vocabSize, embedDim: 8 }),
  SmallTransformer: () => new SmallTransformer({ vocabSize, embedDim: 8, numLayers: 2 }).bindPaths('text'),
  Bert: () => new Bert(bert, { embedDim: 6, pooling: 'mean' }).bindPaths('text'),
  'Bert with its pooler': () => new Bert(bert, { pooling: 'pooler', normalize: true }).bindPaths('text'),
  DistilBERT: () => new Bert({ ...bert, typeVocabSize: 0 }, { pooling: 'max' }).bindPaths('text'),
  RoBERTa: () => new Bert({ ...bert, typeVocabSize: 1, positions: 'roberta' }).bindPaths('text'),
  ClipText: () => new ClipText({ ...tower, projectionDim: 6 }),
  SiglipText: () => new SiglipText({ ...tower, maxPositions: LENGTH }),
};
