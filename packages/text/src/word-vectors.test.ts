import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { BagOfTokens, tokenVectors } from './index.js';

const vocabulary = ['[PAD]', 'the', 'dog', 'puppy', 'car', '##s'];
const words: [string, number[]][] = [
  ['the', [1, 1, 1]],
  ['unknown', [9, 9, 9]],
  ['dog', [3, 1, 0]],
  ['car', [-3, 0, 1]],
  ['puppy', [3, 2, 0]],
];
const idOf = (word: string) => {
  const id = vocabulary.indexOf(word);
  return id < 0 ? undefined : id;
};
const vectors = () => tokenVectors(words, { vocabSize: vocabulary.length, idOf });

const row = (id: number) => Array.from({ length: 3 }, (_, i) => vectors().data[id * 3 + i]!);
const norm = (x: number[]) => Math.hypot(...x);
const cosine = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0) / norm(a) / norm(b);

it('takes the common direction out, and keeps what words have in common with each other', () => {
  expect(row(2).map((x) => x / norm(row(2)))).toEqual(
    [2, 0, -0.5].map((x) => expect.closeTo(x / norm([2, 0, -0.5]), 5)),
  );
  expect(cosine(row(2), row(3))).toBeGreaterThan(0.8);
  expect(cosine(row(2), row(4))).toBeLessThan(-0.8);
});

it('weighs words by their place as a / (a + p), and leaves tokens that are no words at zero', () => {
  const weight = (place: number) => 1e-3 / (1e-3 + 1 / (place * (Math.log(5) + 0.5772)));
  expect(norm(row(1)) / Math.sqrt(3)).toBeCloseTo(weight(1), 6);
  expect(norm(row(3)) / Math.sqrt(3)).toBeCloseTo(weight(5), 6);
  expect([...row(0), ...row(5)]).toEqual([0, 0, 0, 0, 0, 0]);
});

it('refuses words that are no tokens, and vectors of two widths', () => {
  expect(() => tokenVectors([['Dog', [1]]], { vocabSize: 6, idOf })).toThrow('1 words, none of them a token');
  const uneven: [string, number[]][] = [
    ['dog', [1, 2]],
    ['car', [1]],
  ];
  expect(() => tokenVectors(uneven, { vocabSize: 6, idOf })).toThrow('a vector of 2 numbers');
});

it('starts a bag of tokens from them: the text of a word that was never trained lies beside its like', () => {
  const bag = new BagOfTokens({ vocabSize: 6, embedDim: 8, seed: 1, wordVectors: { vectors: vectors(), scale: 5 } });
  const plain = new BagOfTokens({ vocabSize: 6, embedDim: 8, seed: 1 });
  const embed = (model: BagOfTokens, id: number) =>
    tf.tidy(() =>
      Array.from(
        model
          .encode(
            { inputIds: tf.tensor2d([[id]], [1, 1], 'int32'), attentionMask: tf.ones([1, 1], 'int32') },
            inference,
          )
          .pooled.dataSync(),
      ),
    );
  expect(cosine(embed(bag, 2), embed(bag, 3))).toBeGreaterThan(0.9);
  expect(cosine(embed(bag, 2), embed(bag, 4))).toBeLessThan(0);
  // tokens without a vector start as they would have
  expect(Array.from(bag.embedding.weight.dataSync().slice(40))).toEqual(
    Array.from(plain.embedding.weight.dataSync().slice(40)),
  );
  expect(bag.describe()).toEqual(plain.describe());
  for (const model of [bag, plain]) model.dispose();
});

it('refuses vectors that do not fit the table', () => {
  const wordVectors = { vectors: vectors() };
  expect(() => new BagOfTokens({ vocabSize: 7, embedDim: 8, wordVectors })).toThrow('7 rows of at most 8 numbers');
  expect(() => new BagOfTokens({ vocabSize: 6, embedDim: 2, wordVectors })).toThrow('got [6, 3]');
});
