import '@tensorflow/tfjs-backend-cpu';
import { inference, philox4x32, siteOf, wordToUniform } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, randn } from '../test/gradient-check.js';
import { Dropout, DropPath, drawUniform, philoxUniform, randomStream } from './index.js';

const training = (seed = 5, step = 2, rowOffset = 0) =>
  ({ training: true, random: randomStream(seed, step, rowOffset) }) as const;

describe('philoxUniform', () => {
  it('draws as its docstring says', () => {
    const values = philoxUniform(randomStream(9, 4, 10), [3, 2, 3], 77).dataSync();
    for (const [row, i] of [
      [0, 0],
      [1, 5],
      [2, 3],
    ] as const) {
      const word = philox4x32([i >> 2, 10 + row, 4, 77], [9, 0])[i & 3]!;
      expect(values[row * 6 + i]).toBe(Math.fround(wordToUniform(word)));
    }
  });

  it('gives a row the same numbers in any batch', () => {
    const whole = drawUniform([8, 5], 1, 2, 0, 3);
    const tail = drawUniform([3, 5], 1, 2, 5, 3);
    expect([...tail]).toEqual([...whole.slice(25)]);
  });

  it('differs by seed, step and site, and looks uniform', () => {
    const draw = (seed: number, step: number, site: number) => drawUniform([100, 100], seed, step, 0, site);
    const base = draw(1, 1, 1);
    for (const other of [draw(2, 1, 1), draw(1, 2, 1), draw(1, 1, 2)]) {
      expect(base.filter((value, i) => value === other[i]).length).toBeLessThan(5);
    }
    const mean = base.reduce((a, b) => a + b) / base.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * base.length));
    expect(base.every((value) => value >= 0 && value < 1)).toBe(true);
  });

  it('takes a scalar as one row', () => {
    const scalar = philoxUniform(randomStream(1, 1), [], 4);
    expect(scalar.shape).toEqual([]);
    expect(scalar.dataSync()[0]).toBe(drawUniform([1], 1, 1, 0, 4)[0]);
  });
});

describe('Dropout', () => {
  const layer = () => new Dropout(0.25).bindPaths('model.dropout');

  it('keeps 1 - p of the elements, scaled, and the mean', () => {
    const y = layer()
      .forward(tf.ones([100, 100]), training())
      .dataSync();
    const kept = y.filter((value) => value !== 0);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.75)]));
    expect(Math.abs(kept.length / y.length - 0.75)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / y.length));
  });

  it('depends on seed, step and path, and on rows alone, not on the batch', () => {
    const x = tf.ones([6, 50]);
    const values = (module: Dropout, context = training()) => [...module.forward(x, context).dataSync()];
    expect(values(layer())).toEqual(values(layer()));
    expect(values(layer())).not.toEqual(values(layer(), training(6)));
    expect(values(layer())).not.toEqual(values(layer(), training(5, 3)));
    expect(values(layer())).not.toEqual(values(new Dropout(0.25).bindPaths('model.other')));
    const tail = layer()
      .forward(tf.ones([2, 50]), training(5, 2, 4))
      .dataSync();
    expect([...tail]).toEqual(values(layer()).slice(200));
  });

  it('does nothing outside training', () => {
    const x = tf.ones([2, 3]);
    expect(layer().forward(x, inference)).toBe(x);
    expect(() => new Dropout(1)).toThrow(/p in \[0, 1\), got 1/);
  });

  it('lets gradients through where it kept', () => {
    const module = layer();
    const context = training();
    checkGradients((x) => module.forward(x, context), [randn([3, 4], 1)]);
  });
});

describe('DropPath', () => {
  it('drops whole rows and scales the others', () => {
    const module = new DropPath(0.5).bindPaths('block.drop_path');
    const y = module.forward(tf.ones([400, 2, 3]), training()).dataSync();
    const rows = Array.from({ length: 400 }, (_, row) => new Set(y.slice(row * 6, row * 6 + 6)));
    expect(rows.every((values) => values.size === 1)).toBe(true);
    const kept = rows.filter((values) => values.has(2)).length;
    expect(rows.filter((values) => values.has(0)).length + kept).toBe(400);
    expect(Math.abs(kept - 200)).toBeLessThan(4 * 10);
  });

  it('uses the site of its path', () => {
    expect(siteOf('block.drop_path')).not.toBe(siteOf('block.dropout'));
    const x = tf.ones([2, 3]);
    expect(new DropPath(0.5).forward(x, inference)).toBe(x);
    expect(() => new DropPath(-0.1)).toThrow(/nn\.DropPath/);
  });
});
