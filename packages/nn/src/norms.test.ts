import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { BatchNorm2d, Dropout, GroupNorm, LayerNorm, layerNorm, randomStream } from './index.js';

/** Mean and biased variance. */
function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length };
}

describe('LayerNorm', () => {
  it('normalises each row with the biased variance, then scales and shifts', () => {
    const layer = new LayerNorm(4, { eps: 1e-3 });
    layer.weight.assign(randn([4], 1));
    layer.bias.assign(randn([4], 2));
    const x = randn<tf.Rank.R3>([2, 3, 4], 3);
    const weight = layer.weight.arraySync();
    const bias = layer.bias.arraySync();
    const expected = x.arraySync().flatMap((item) =>
      item.flatMap((row) => {
        const { mean, variance } = moments(row);
        return row.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-3)) * weight[i]! + bias[i]!);
      }),
    );
    expect(maxError(layer.forward(x), expected)).toBeLessThan(1e-5);
  });

  it('has the gradients of finite differences in all three inputs', () => {
    checkGradients(
      (x, weight, bias) => layerNorm(x, weight as tf.Tensor1D, bias as tf.Tensor1D, 1e-5),
      [randn([2, 3, 5], 1), randn([5], 2), randn([5], 3)],
    );
  });

  it('says what does not fit', () => {
    expect(() => new LayerNorm(4).forward(tf.zeros([2, 3]))).toThrow(/nn\.LayerNorm: expected x of shape \[d0,4\]/);
  });
});

describe('GroupNorm', () => {
  it('normalises runs of neighbouring channels over all positions of an item', () => {
    const layer = new GroupNorm(2, 6);
    layer.weight.assign(randn([6], 1));
    layer.bias.assign(randn([6], 2));
    const x = randn<tf.Rank.R4>([2, 2, 3, 6], 3);
    const items = x.arraySync();
    const stats = items.map((item) =>
      [0, 1].map((group) => moments(item.flat().flatMap((cell) => cell.slice(group * 3, group * 3 + 3)))),
    );
    const weight = layer.weight.arraySync();
    const bias = layer.bias.arraySync();
    const expected = items.flatMap((item, b) =>
      item.flat().flatMap((cell) =>
        cell.map((v, c) => {
          const { mean, variance } = stats[b]![Math.floor(c / 3)]!;
          return ((v - mean) / Math.sqrt(variance + 1e-5)) * weight[c]! + bias[c]!;
        }),
      ),
    );
    expect(maxError(layer.forward(x), expected)).toBeLessThan(1e-5);
  });

  it('equals layer normalisation of one position with one group', () => {
    const x = randn<tf.Rank.R2>([3, 8], 1);
    expect(maxError(new GroupNorm(1, 8).forward(x), new LayerNorm(8).forward(x).dataSync())).toBeLessThan(1e-6);
  });

  it('has the gradients of finite differences', () => {
    const layer = new GroupNorm(2, 4);
    layer.weight.assign(randn([4], 1));
    checkGradients((x) => layer.forward(x), [randn([2, 2, 2, 4], 2)]);
  });

  it('refuses groups that do not divide', () => {
    expect(() => new GroupNorm(4, 6)).toThrow(/divides 6 channels, got 4/);
    expect(() => new GroupNorm(2, 6).forward(tf.zeros([1, 2, 2, 4]))).toThrow(/nn\.GroupNorm/);
  });
});

describe('BatchNorm2d', () => {
  const training = () => ({ training: true, random: randomStream(0, 1) }) as const;

  function withNumbers(): BatchNorm2d {
    const layer = new BatchNorm2d(3);
    layer.weight.assign(randn([3], 1));
    layer.bias.assign(randn([3], 2));
    layer.runningMean.assign(randn([3], 3));
    layer.runningVar.assign(tf.tensor1d([0.5, 1, 2]));
    return layer;
  }

  it('uses the running statistics outside training', () => {
    const layer = withNumbers();
    const x = randn<tf.Rank.R4>([2, 2, 2, 3], 4);
    const [w, b, m, v] = [layer.weight, layer.bias, layer.runningMean, layer.runningVar].map((p) => p.arraySync());
    const expected = x
      .arraySync()
      .flat(2)
      .flatMap((cell) => cell.map((value, c) => ((value - m![c]!) / Math.sqrt(v![c]! + 1e-5)) * w![c]! + b![c]!));
    expect(maxError(layer.forward(x, inference), expected)).toBeLessThan(1e-5);
  });

  it("normalises with the batch's biased variance in training and keeps the unbiased one", () => {
    const layer = withNumbers();
    const meanBefore = layer.runningMean.arraySync();
    const varBefore = layer.runningVar.arraySync();
    const x = randn<tf.Rank.R4>([2, 2, 2, 3], 4);
    const y = layer.forward(x, training());
    const cells = x.arraySync().flat(2);
    const stats = [0, 1, 2].map((c) => moments(cells.map((cell) => cell[c]!)));
    const [w, b] = [layer.weight.arraySync(), layer.bias.arraySync()];
    const expected = cells.flatMap((cell) =>
      cell.map((value, c) => ((value - stats[c]!.mean) / Math.sqrt(stats[c]!.variance + 1e-5)) * w[c]! + b[c]!),
    );
    expect(maxError(y, expected)).toBeLessThan(1e-5);
    const count = cells.length;
    expect(
      maxError(
        layer.runningMean,
        stats.map(({ mean }, c) => 0.9 * meanBefore[c]! + 0.1 * mean),
      ),
    ).toBeLessThan(1e-6);
    const unbiased = stats.map(({ variance }, c) => 0.9 * varBefore[c]! + (0.1 * variance * count) / (count - 1));
    expect(maxError(layer.runningVar, unbiased)).toBeLessThan(1e-6);
  });

  it('has the gradients of finite differences in training, through the statistics', () => {
    const layer = withNumbers();
    checkGradients((x) => layer.forward(x as tf.Tensor4D, training()), [randn([2, 2, 2, 3], 4)]);
    const frozen = withNumbers();
    frozen.frozen = true;
    checkGradients((x) => frozen.forward(x as tf.Tensor4D, training()), [randn([2, 2, 2, 3], 4)]);
  });

  it('sends gradients to weight and bias, whose sums are known', () => {
    const layer = withNumbers();
    const x = randn<tf.Rank.R4>([2, 2, 2, 3], 4);
    const { grads } = tf.variableGrads(() => tf.sum(layer.forward(x, training())));
    expect(maxError(grads[layer.bias.name]!, [8, 8, 8])).toBeLessThan(1e-6);
    expect(maxError(grads[layer.weight.name]!, [0, 0, 0])).toBeLessThan(1e-5);
  });

  it('leaves its statistics alone when frozen', () => {
    const layer = withNumbers();
    layer.frozen = true;
    const x = randn<tf.Rank.R4>([2, 2, 2, 3], 4);
    const before = [...layer.runningMean.dataSync(), ...layer.runningVar.dataSync()];
    const y = layer.forward(x, training());
    expect([...layer.runningMean.dataSync(), ...layer.runningVar.dataSync()]).toEqual(before);
    expect(maxError(y, layer.forward(x, inference).dataSync())).toBe(0);
  });

  it('leaks nothing in training', () => {
    const layer = withNumbers();
    const x = randn<tf.Rank.R4>([2, 2, 2, 3], 4);
    const context = training();
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) tf.tidy(() => void layer.forward(x, context));
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a layer that draws nothing', () => {
  it('does not need a path', () => {
    expect(new Dropout(0).forward(tf.ones([2]), { training: true, random: randomStream(0, 1) }).shape).toEqual([2]);
  });
});
