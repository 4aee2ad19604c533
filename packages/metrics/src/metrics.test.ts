import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { MatrixData } from '@diptych/core';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  alignment,
  classify,
  linearProbe,
  matchingAccuracy,
  modalityGap,
  rerank,
  retrieval,
  uniformity,
  zeroShotAccuracy,
  zeroShotClasses,
} from './index.js';

beforeAll(() => tf.setBackend('cpu'));

interface Fixtures {
  readonly retrieval: {
    readonly image: number[][];
    readonly text: number[][];
    readonly owner: number[];
    readonly imageToText: Record<string, number>;
    readonly textToImage: Record<string, number>;
  };
  readonly linearProbe: {
    readonly features: number[][];
    readonly labels: number[];
    readonly train: number;
    readonly C: number;
    readonly weight: number[][];
    readonly bias: number[];
    readonly accuracy: number;
  };
  readonly zeroShot: {
    readonly pictures: number[][];
    readonly classes: number[][];
    readonly labels: number[];
    readonly top1: number;
    readonly top3: number;
  };
}

/** Made by scikit-learn: reference/gen_metrics.py. */
const fixtures = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '__fixtures__/metrics.json'), 'utf8'),
) as Fixtures;

function rows(values: readonly (readonly number[])[]): MatrixData {
  return { data: Float32Array.from(values.flat()), shape: [values.length, values[0]!.length] };
}

describe('against scikit-learn', () => {
  it.each(['imageToText', 'textToImage'] as const)('retrieval with three captions a picture, %s', async (way) => {
    const { image, text, owner, ...expected } = fixtures.retrieval;
    const imageIds = image.map((_, i) => i);
    const scores = (await retrieval(rows(image), rows(text), { imageIds, textIds: owner }))[way];
    for (const [name, value] of Object.entries(expected[way])) {
      expect((scores as unknown as Record<string, number>)[name], name).toBeCloseTo(value, 6);
    }
  });

  it('a linear probe', async () => {
    const { features, labels, train, C, weight, bias, accuracy } = fixtures.linearProbe;
    const probe = await linearProbe(rows(features.slice(0, train)), labels.slice(0, train), { C });
    const classes = weight.length;
    const centre = (column: number, width: number, values: ArrayLike<number>) =>
      Array.from({ length: classes }, (_, c) => values[c * width + column]!).reduce((a, b) => a + b) / classes;
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < 5; d++) {
        const own = probe.weight.data[c * 5 + d]! - centre(d, 5, probe.weight.data);
        expect(own, `weight ${c} ${d}`).toBeCloseTo(weight[c]![d]!, 2);
      }
      expect(probe.bias[c]! - centre(0, 1, probe.bias), `bias ${c}`).toBeCloseTo(bias[c]!, 2);
    }
    expect(probe.accuracy(rows(features.slice(train)), labels.slice(train))).toBeCloseTo(accuracy, 6);
  });

  it('zero-shot classification', async () => {
    const { pictures, classes, labels, top1, top3 } = fixtures.zeroShot;
    const known = { names: classes.map((_, i) => `${i}`), vectors: rows(classes) };
    expect(await zeroShotAccuracy(rows(pictures), labels, known)).toBeCloseTo(top1, 6);
    expect(await zeroShotAccuracy(rows(pictures), labels, known, 3)).toBeCloseTo(top3, 6);
  });
});

describe('zeroShotClasses', () => {
  it('averages unit vectors over the templates', async () => {
    const asked: string[] = [];
    const embed = (texts: string[]) => {
      asked.push(...texts);
      return rows([
        [2, 0],
        [0, 5],
        [1, 0],
        [3, 0],
      ]);
    };
    const classes = await zeroShotClasses(['cat', 'dog'], embed, ['a {}', 'the {} {}']);
    expect(asked).toEqual(['a cat', 'the cat cat', 'a dog', 'the dog dog']);
    expect([...classes.vectors.data].map((x) => Math.round(x * 1e4) / 1e4)).toEqual(
      [Math.SQRT1_2, Math.SQRT1_2, 1, 0].map((x) => Math.round(x * 1e4) / 1e4),
    );
    const [first] = await classify(rows([[1, 0]]), classes, 2);
    expect([...first!.classes]).toEqual([1, 0]);
    await expect(zeroShotClasses(['cat'], embed, ['a photo'])).rejects.toThrow(/\{\} in each/);
  });
});

describe('the space of embeddings', () => {
  it('alignment is the squared distance of pairs', () => {
    expect(alignment(rows([[1, 0]]), rows([[0, 3]]))).toBeCloseTo(2, 6);
    expect(alignment(rows([[1, 0]]), rows([[7, 0]]))).toBeCloseTo(0, 6);
    expect(() =>
      alignment(
        rows([[1, 0]]),
        rows([
          [1, 0],
          [0, 1],
        ]),
      ),
    ).toThrow(/as many texts/);
  });

  it('uniformity is 0 where all coincide and falls as they spread', () => {
    expect(
      uniformity(
        rows([
          [1, 0],
          [2, 0],
          [3, 0],
        ]),
      ),
    ).toBeCloseTo(0, 6);
    expect(
      uniformity(
        rows([
          [1, 0],
          [-1, 0],
        ]),
      ),
    ).toBeCloseTo(-8, 5);
    const spread = { data: new Generator(1).normal(3000 * 16), shape: [3000, 16] as const };
    expect(uniformity(spread)).toBeLessThan(-3);
    expect(uniformity(rows([[1, 0]]))).toBeNaN();
  });

  it('the modality gap is the distance of the centres', () => {
    expect(
      modalityGap(
        rows([
          [1, 0],
          [0, 1],
        ]),
        rows([
          [0, 1],
          [1, 0],
        ]),
      ),
    ).toBeCloseTo(0, 6);
    expect(modalityGap(rows([[2, 0]]), rows([[-5, 0]]))).toBeCloseTo(2, 6);
  });
});

describe('the fused matcher', () => {
  const image = rows([
    [1, 0],
    [0.9, 0.1],
    [0, 1],
  ]);
  const text = rows([
    [0.95, 0.05],
    [1, 0.2],
    [0, 1],
  ]);

  it('orders the nearest anew', async () => {
    const score = (imageRows: Int32Array, textRows: Int32Array) =>
      imageRows.map((row, i) => (row === textRows[i] ? 1 : 0));
    const found = await rerank(text, image, score, { top: 2, scale: 0.1 });
    expect(found.map(({ indices }) => indices[0])).toEqual([0, 1, 2]);
    const plain = await rerank(text, image, () => new Float32Array(6), { top: 2, scale: 1 });
    expect(plain.map(({ indices }) => indices.length)).toEqual([2, 2, 2]);
    await expect(rerank(text, image, () => [1], { scale: 1 })).rejects.toThrow(/expected 9 logits/);
  });

  it('is right where the own text wins', async () => {
    const knows = (imageRows: Int32Array, textRows: Int32Array) =>
      Float32Array.from(imageRows, (row, i) => (row === textRows[i] && row !== 2 ? 1 : 0));
    expect(await matchingAccuracy(image, text, knows)).toBeCloseTo(2 / 3, 6);
    expect(await matchingAccuracy(image, text, (rowsOfImages) => new Float32Array(rowsOfImages.length))).toBe(0);
  });
});
