import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { tokens } from '../test/tokens.js';
import { BagOfTokens } from './index.js';

const make = (seed = 0) => new BagOfTokens({ vocabSize: 20, embedDim: 6, hiddenSize: 4, seed });

describe('BagOfTokens', () => {
  it('is the projected norm of the mean over real tokens', () => {
    const bag = make();
    const { pooled, sequence, mask } = bag.encode(tokens([[3, 4, 5], [7]]), inference);
    expect([pooled.shape, sequence.shape, mask!.shape]).toEqual([
      [2, 6],
      [2, 3, 6],
      [2, 3],
    ]);
    const table = bag.embedding.weight.arraySync();
    const byHand = [[3, 4, 5], [7]].map((ids) => {
      const mean = [0, 1, 2, 3].map((c) => ids.reduce((sum, id) => sum + table[id]![c]!, 0) / ids.length);
      const centre = mean.reduce((a, b) => a + b) / 4;
      const variance = mean.reduce((sum, v) => sum + (v - centre) ** 2, 0) / 4;
      const hat = mean.map((v) => (v - centre) / Math.sqrt(variance + 1e-5));
      const weight = bag.projection.weight.arraySync();
      const bias = bag.projection.bias!.arraySync();
      return weight.map((row, o) => row.reduce((sum, w, i) => sum + w * hat[i]!, bias[o]!));
    });
    const flat = byHand.flat();
    expect(Math.max(...[...pooled.dataSync()].map((v, i) => Math.abs(v - flat[i]!)))).toBeLessThan(1e-5);
  });

  it('does not see padding, nor the order of tokens', () => {
    const bag = make();
    const short = bag.encode(tokens([[3, 4]]), inference).pooled.arraySync();
    const padded = bag
      .encode(
        tokens([
          [3, 4],
          [9, 9, 9, 9, 9],
        ]),
        inference,
      )
      .pooled.arraySync();
    const turned = bag.encode(tokens([[4, 3]]), inference).pooled.arraySync();
    for (const [i, value] of short[0]!.entries()) {
      expect(padded[0]![i]).toBeCloseTo(value, 5);
      expect(turned[0]![i]).toBeCloseTo(value, 5);
    }
  });

  it('gives a token alone the same vector as the sequence shows for it', () => {
    const { pooled, sequence } = make().encode(tokens([[5]]), inference);
    const difference = tf.max(tf.abs(tf.sub(pooled, tf.squeeze(sequence, [1]))));
    expect(difference.dataSync()[0]).toBeLessThan(1e-6);
  });

  it('stays finite on an empty row', () => {
    const { pooled } = make().encode(tokens([[], [1]]), inference);
    expect([...pooled.dataSync()].every(Number.isFinite)).toBe(true);
  });

  it('sends gradients to every parameter', () => {
    const bag = make();
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(bag.encode(tokens([[3, 4], [7]]), inference).pooled)));
    for (const [name, parameter] of bag.namedParameters()) {
      const gradient = grads[parameter.name];
      expect(gradient, name).toBeDefined();
      expect(tf.max(tf.abs(gradient!)).dataSync()[0], name).toBeGreaterThan(0);
    }
  });

  it('is the same for the same seed, and says how to build it again', () => {
    const values = (bag: BagOfTokens) => bag.encode(tokens([[3, 4, 5]]), inference).pooled.dataSync();
    expect(values(make(1))).toEqual(values(make(1)));
    expect(values(make(1))).not.toEqual(values(make(2)));
    expect(make().describe()).toEqual({
      kind: 'text/bag-of-tokens',
      options: { vocabSize: 20, embedDim: 6, hiddenSize: 4 },
    });
  });

  it('refuses wrong input and sizes', () => {
    expect(() => new BagOfTokens({ vocabSize: 0, embedDim: 6 })).toThrow(/vocabSize to be a whole number above 0/);
    const input = tokens([[1, 2]]);
    expect(() => make().encode({ ...input, attentionMask: tf.ones([1, 3], 'int32') }, inference)).toThrow(
      /attentionMask of shape \[1,2\], got \[1,3\]/,
    );
    expect(() => make().encode({ ...input, inputIds: tf.ones([1, 2]) }, inference)).toThrow(/dtype int32, got float32/);
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    for (let i = 0; i < 10; i++) {
      const bag = make(i);
      tf.tidy(() => void bag.encode(tokens([[1, 2]]), inference));
      bag.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
