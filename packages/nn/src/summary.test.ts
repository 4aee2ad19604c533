import '@tensorflow/tfjs-backend-cpu';
import { type Context, type EncoderOutput, inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  BatchNorm2d,
  Conv2d,
  freeze,
  Generator,
  Linear,
  Module,
  MultiheadAttention,
  parameterCount,
  summary,
} from './index.js';

class Tower extends Module {
  readonly embedDim = 5;
  readonly conv = new Conv2d(3, 4, 3, { generator: new Generator(), padding: 1, bias: false });
  readonly bn = new BatchNorm2d(4);
  readonly depthwise = new Conv2d(4, 4, 3, { generator: new Generator(), groups: 4 });
  readonly fc = new Linear(4, 5, { generator: new Generator() });
  readonly unused = new Linear(1, 1, { generator: new Generator() });

  encode(pixels: tf.Tensor4D, context: Context): EncoderOutput {
    const grid = this.depthwise.forward(this.bn.forward(this.conv.forward(pixels), context));
    const pooled = this.fc.forward(tf.mean(grid, [1, 2]));
    return { pooled, sequence: tf.expandDims(pooled, 1) };
  }
}

describe('summary', () => {
  it('lists shapes, parameters and operations of each layer', () => {
    const model = new Tower();
    freeze(model, 'fc.weight');
    const { layers, ...totals } = summary(model, tf.zeros([2, 8, 8, 3]));
    const rows = Object.fromEntries(layers.map(({ path, ...row }) => [path, row]));
    expect(rows.conv).toEqual({
      type: 'Conv2d',
      outputShapes: [[2, 8, 8, 4]],
      parameters: 108,
      trainable: 108,
      flops: 2 * 2 * 8 * 8 * 4 * 27,
    });
    expect(rows.bn).toMatchObject({ parameters: 8, flops: 0 });
    expect(rows.depthwise).toMatchObject({ outputShapes: [[2, 6, 6, 4]], flops: 2 * 2 * 6 * 6 * 4 * 9 });
    expect(rows.fc).toMatchObject({ parameters: 25, trainable: 5, flops: 2 * 2 * 4 * 5 });
    expect(rows.unused).toMatchObject({ outputShapes: [], flops: 0 });
    const flops = rows.conv!.flops + rows.depthwise!.flops + rows.fc!.flops;
    expect(rows['']).toMatchObject({
      type: 'Tower',
      outputShapes: [
        [2, 5],
        [2, 1, 5],
      ],
      flops,
    });
    expect(totals).toMatchObject({ flops, parameters: parameterCount(model), bytes: 4 * (parameterCount(model) + 8) });
    expect(totals.trainable).toBe(parameterCount(model, { trainableOnly: true }));
    expect(String(summary(model, tf.zeros([2, 8, 8, 3])))).toMatch(
      /fc +Linear +\[2,5\] +25 +80 FLOP[\s\S]*183 parameters, 163 of them train; 764 B; 32\.9 kFLOP/,
    );
  });

  it('takes any call as a function, and counts the products of attention', () => {
    const attention = new MultiheadAttention(8, 2, { generator: new Generator() });
    const x = tf.zeros<tf.Rank.R3>([1, 3, 8]);
    const { flops } = summary(attention, () => attention.forward(x, x, x, {}, inference));
    const projections = 2 * 3 * 8 * 24 + 2 * 3 * 8 * 8;
    expect(flops).toBe(projections + 2 * (2 * 2 * 3 * 3 * 4));
  });

  it('leaves the model, the engine and the memory as they were', () => {
    const model = new Tower();
    const pixels = tf.zeros<tf.Rank.R4>([2, 8, 8, 3]);
    const { runKernel } = tf.engine();
    const before = tf.memory().numTensors;
    summary(model, pixels);
    expect(() => summary(model, tf.zeros([1, 1, 1, 1]))).toThrow(/nn\.Conv2d/);
    expect(tf.engine().runKernel).toBe(runKernel);
    expect(Object.getOwnPropertyNames(model.fc)).not.toContain('forward');
    expect(tf.memory().numTensors).toBe(before + 1); // the picture that was refused
  });
});
