import '@tensorflow/tfjs-backend-cpu';
import { buildPart, type TextEncoder } from '@diptych/core';
import type { Module } from '@diptych/nn';
import { describe, expect, it } from 'vitest';
import { batchOf, SMALL_ENCODERS } from '../test/small-encoders.js';
import { tokens } from '../test/tokens.js';
import { BagOfTokens, kinds, resizeTokenEmbeddings } from './index.js';

const rowsOf = (encoder: TextEncoder) =>
  (encoder as unknown as { tokenEmbedding: { weight: { arraySync(): number[][] } } }).tokenEmbedding.weight.arraySync();

describe.each(Object.entries(SMALL_ENCODERS))('%s', (_, create) => {
  it('gets new rows near the mean of its own and reads as before, and is built again with them', async () => {
    const encoder: TextEncoder & Module = create();
    const input = batchOf(3, 1);
    const before = encoder.encode(input, { training: false }).pooled.dataSync();
    const old = rowsOf(encoder);
    const names = Array.from(encoder.namedParameters(), ([name]) => name);
    expect(await resizeTokenEmbeddings(encoder, 43, { seed: 1 })).toBe(43);
    expect(encoder.vocabSize).toBe(43);
    expect(encoder.encode(input, { training: false }).pooled.dataSync()).toEqual(before);
    expect(Array.from(encoder.namedParameters(), ([name]) => name)).toEqual(names);
    const rows = rowsOf(encoder);
    expect(rows.slice(0, 40)).toEqual(old);
    const mean = old[0]!.map((_value, column) => old.reduce((sum, row) => sum + row[column]! / 40, 0));
    for (const row of rows.slice(40)) for (const [i, value] of row.entries()) expect(value).toBeCloseTo(mean[i]!, 4);
    const again = buildPart<TextEncoder & Module>(JSON.parse(JSON.stringify(encoder.describe!())), {
      where: 'test',
      kinds,
    });
    const shapes = (module: Module) => Array.from(module.namedParameters(), ([name, { shape }]) => [name, shape]);
    expect(shapes(again)).toEqual(shapes(encoder));
    // the shorter one: an end token that is cut off is nobody's any more
    expect(await resizeTokenEmbeddings(encoder, 30)).toBe(30);
    expect(rowsOf(encoder)).toEqual(old.slice(0, 30));
    again.dispose();
    encoder.dispose();
  });
});

describe('resizeTokenEmbeddings', () => {
  it('rounds up, and keeps what is frozen frozen', async () => {
    const tower = new BagOfTokens({ vocabSize: 10, embedDim: 4 });
    tower.embedding.weight.trainable = false;
    expect(await resizeTokenEmbeddings(tower, 11, { padToMultipleOf: 8, newTokens: 'normal' })).toBe(16);
    expect([tower.vocabSize, tower.embedding.weight.trainable]).toEqual([16, false]);
    const { pooled } = tower.encode(tokens([[1, 15]], 2), { training: false });
    expect(pooled.shape).toEqual([1, 4]);
    expect(await resizeTokenEmbeddings(tower, 16)).toBe(16);
    tower.dispose();
  });

  it('says what it needs', async () => {
    const tower = new BagOfTokens({ vocabSize: 10, embedDim: 4 });
    await expect(resizeTokenEmbeddings(tower, 1.5)).rejects.toThrow(/vocabSize to be a whole number/);
    await expect(resizeTokenEmbeddings(tower, 12, { padTo: 8 } as object)).rejects.toThrow(/padToMultipleOf/);
    await expect(resizeTokenEmbeddings({ encoder: tower } as unknown as TextEncoder, 12)).rejects.toThrow(
      /a text encoder with a token table .*got Object; give the text tower: model\.text/,
    );
    tower.dispose();
  });
});
