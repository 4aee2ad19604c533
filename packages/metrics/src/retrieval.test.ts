import '@tensorflow/tfjs-backend-cpu';
import type { MatrixData } from '@diptych/core';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { retrieval, topK } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

function rows(...values: number[][]): MatrixData {
  return { data: Float32Array.from(values.flat()), shape: [values.length, values[0]!.length] };
}

function random(seed: number, count: number, width: number): MatrixData {
  return { data: new Generator(seed).normal(count * width), shape: [count, width] };
}

describe('retrieval', () => {
  it('ranks pessimistically: equal scores of wrong candidates stand before', async () => {
    // pictures 0 and 1 are identical: each is a wrong answer to the other's text
    const image = rows([1, 0], [1, 0], [0, 1]);
    const text = rows([1, 0], [1, 0], [0, 1]);
    const { textToImage } = await retrieval(image, text);
    expect(textToImage).toMatchObject({ 'recall@1': 1 / 3, 'recall@5': 1, medianRank: 2, meanRank: 5 / 3 });
  });

  it('counts copies of the answer as right where ids say so', async () => {
    const image = rows([1, 0], [1, 0], [0, 1]);
    const { textToImage, imageToText } = await retrieval(image, rows([1, 0], [0, 1]), {
      imageIds: ['a', 'a', 'b'],
      textIds: ['a', 'b'],
    });
    expect(textToImage['recall@1']).toBe(1);
    expect(imageToText['recall@1']).toBe(1);
    expect(textToImage.map).toBe(1);
    expect(textToImage.ndcg).toBe(1);
  });

  it('hits with any of several captions, and gives the textbook values of mAP, NDCG and MRR', async () => {
    // scores of the only picture: captions 0.8 (own), 0.9 (wrong), 0.1 (own)
    const image = rows([1, 0], [0, 1]);
    const unit = (x: number) => [x, Math.sqrt(1 - x * x)];
    const text = rows(unit(0.8), unit(0.9), unit(0.1), [0, 1]);
    const { imageToText } = await retrieval(image, text, { imageIds: [0, 1], textIds: [0, 1, 0, 1] });
    // picture 0: order wrong, own, own (0.1), own of picture 1 (0) -> ranks 2 and 3
    // picture 1: scores .6, .436, .995, 1 -> own at 1, own (0.436) at 4
    expect(imageToText.meanRank).toBe(1.5);
    expect(imageToText.mrr).toBeCloseTo((1 / 2 + 1) / 2, 6);
    expect(imageToText.map).toBeCloseTo(((1 / 2 + 2 / 3) / 2 + (1 + 2 / 4) / 2) / 2, 6);
    const ideal = 1 + 1 / Math.log2(3);
    const first = (1 / Math.log2(3) + 1 / Math.log2(4)) / ideal;
    const second = (1 + 1 / Math.log2(5)) / ideal;
    expect(imageToText.ndcg).toBeCloseTo((first + second) / 2, 6);
  });

  it('gives the same in blocks of any size', async () => {
    const [image, text] = [random(1, 37, 8), random(2, 37, 8)];
    const whole = await retrieval(image, text);
    expect(await retrieval(image, text, { blockBytes: 37 * 4 * 5 })).toEqual(whole);
    expect(await retrieval(image, text, { blockBytes: 1 })).toEqual(whole);
  });

  it('says which query has no answer, and which widths differ', async () => {
    await expect(retrieval(random(1, 3, 4), random(2, 3, 4), { textIds: [0, 1, 9] })).rejects.toThrow(/id 9/);
    await expect(retrieval(random(1, 3, 4), random(2, 3, 5))).rejects.toThrow(/\[N,5\]/);
    await expect(retrieval(random(1, 3, 4), random(2, 3, 4), { imageIds: [1] })).rejects.toThrow(/imageIds/);
  });
});

describe('topK', () => {
  it('finds the nearest, best first, and no more than there are', async () => {
    const candidates = rows([0, 1], [1, 0], [1, 1], [1, 0]);
    const [nearest] = await topK(rows([2, 0]), candidates, 3);
    expect([...nearest!.indices]).toEqual([1, 3, 2]);
    expect(nearest!.scores[2]).toBeCloseTo(Math.SQRT1_2, 6);
    const [all] = await topK(rows([2, 0]), candidates, 10);
    expect(all!.indices).toHaveLength(4);
  });

  it('agrees with sorting', async () => {
    const [queries, candidates] = [random(3, 5, 6), random(4, 50, 6)];
    const found = await topK(queries, candidates, 7);
    for (let q = 0; q < 5; q++) {
      const cosine = Array.from({ length: 50 }, (_, c) => {
        const [a, b] = [queries.data.subarray(q * 6, q * 6 + 6), candidates.data.subarray(c * 6, c * 6 + 6)];
        const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
        return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
      });
      const order = cosine.map((_, i) => i).sort((a, b) => cosine[b]! - cosine[a]!);
      expect([...found[q]!.indices]).toEqual(order.slice(0, 7));
    }
  });
});
