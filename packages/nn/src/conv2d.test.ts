import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { Conv2d, type Conv2dOptions, Generator } from './index.js';

/** torch.nn.functional.conv2d in loops: x [B, H, W, C], weight [out, in / groups, k, k]. */
function byHand(x: tf.Tensor4D, layer: Conv2d): { values: number[]; shape: number[] } {
  const { stride, padding, dilation, groups, kernelSize, outChannels } = layer;
  const [batch, height, width, channels] = x.shape;
  const weight = layer.weight.arraySync();
  const pixels = x.arraySync();
  const size = (n: number) => Math.floor((n + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1;
  const perGroup = channels / groups;
  const values: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let row = 0; row < size(height); row++) {
      for (let column = 0; column < size(width); column++) {
        for (let out = 0; out < outChannels; out++) {
          const first = Math.floor(out / (outChannels / groups)) * perGroup;
          let sum = layer.bias ? layer.bias.arraySync()[out]! : 0;
          for (let c = 0; c < perGroup; c++) {
            for (let i = 0; i < kernelSize; i++) {
              for (let j = 0; j < kernelSize; j++) {
                const y = row * stride - padding + i * dilation;
                const z = column * stride - padding + j * dilation;
                sum += (pixels[b]![y]?.[z]?.[first + c] ?? 0) * weight[out]![c]![i]![j]!;
              }
            }
          }
          values.push(sum);
        }
      }
    }
  }
  return { values, shape: [batch, size(height), size(width), outChannels] };
}

const cases: Record<string, Partial<Conv2dOptions> & { k: number }> = {
  plain: { k: 3 },
  'stride and padding': { k: 3, stride: 2, padding: 1 },
  'a large filter': { k: 5, stride: 3, padding: 2 },
  '1x1 without bias': { k: 1, bias: false },
  groups: { k: 3, groups: 2, padding: 1 },
  depthwise: { k: 3, groups: 4, padding: 1, stride: 2 },
  dilation: { k: 3, dilation: 2, padding: 2 },
  'dilated groups with stride': { k: 3, dilation: 3, padding: 3, stride: 2, groups: 2 },
  'dilated depthwise': { k: 2, dilation: 2, groups: 4 },
};

describe('Conv2d', () => {
  for (const [name, { k, ...options }] of Object.entries(cases)) {
    it(`equals the sum of products: ${name}`, () => {
      const layer = new Conv2d(4, 8, k, { generator: new Generator(1), ...options });
      const x = randn<tf.Rank.R4>([2, 7, 6, 4], 2);
      const expected = byHand(x, layer);
      const y = layer.forward(x);
      expect(y.shape).toEqual(expected.shape);
      expect(maxError(y, expected.values)).toBeLessThan(1e-5);
    });

    it(`has the gradients of finite differences: ${name}`, () => {
      const layer = new Conv2d(4, 8, k, { generator: new Generator(1), ...options });
      checkGradients((x) => layer.forward(x as tf.Tensor4D), [randn([1, 7, 6, 4], 2)]);
      const x = randn<tf.Rank.R4>([1, 7, 6, 4], 3);
      const { grads } = tf.variableGrads(() => tf.sum(tf.mul(layer.forward(x), randn(layer.forward(x).shape, 4))));
      const gradient = grads[layer.weight.name]!;
      expect(gradient.shape).toEqual(layer.weight.shape);
      const r = randn(layer.forward(x).shape, 4);
      const weight = layer.weight.dataSync().slice() as Float32Array;
      for (const at of [0, 3, weight.length - 1]) {
        const lossAt = (shift: number) => {
          const moved = weight.slice();
          moved[at]! += shift;
          layer.weight.assign(tf.tensor(moved, layer.weight.shape));
          return tf.sum(tf.mul(layer.forward(x), r)).dataSync()[0]!;
        };
        const numeric = (lossAt(1e-2) - lossAt(-1e-2)) / 2e-2;
        expect(Math.abs(numeric - gradient.dataSync()[at]!)).toBeLessThan(5e-3);
        layer.weight.assign(tf.tensor(weight, layer.weight.shape));
      }
    });
  }

  it("has torch's shapes and starting bounds", () => {
    const layer = new Conv2d(8, 16, 3, { generator: new Generator(1), groups: 2 });
    expect(layer.weight.shape).toEqual([16, 4, 3, 3]);
    expect(layer.bias!.shape).toEqual([16]);
    const bound = 1 / Math.sqrt(4 * 9);
    expect(Math.max(...layer.weight.dataSync())).toBeLessThan(bound);
    expect(Math.max(...layer.weight.dataSync())).toBeGreaterThan(0.9 * bound);
  });

  it('says what does not fit', () => {
    const generator = new Generator(1);
    expect(() => new Conv2d(3, 4, 3, { generator, groups: 2 })).toThrow(
      /channels that 2 groups divide, got 3 in, 4 out/,
    );
    const layer = new Conv2d(3, 4, 3, { generator });
    expect(() => layer.forward(tf.zeros([1, 3, 8, 8]))).toThrow(/channels come last/);
    expect(() => layer.forward(tf.zeros([1, 2, 8, 3]))).toThrow(/at least 3 pixels a side/);
  });
});
