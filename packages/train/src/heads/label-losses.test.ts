import '@tensorflow/tfjs-backend-cpu';
import '@diptych/nn'; // its gradients
import '@diptych/tfjs-backend-onnxruntime';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { binaryCrossEntropy, crossEntropy, meanSquaredError } from './label-losses.js';

interface Case {
  readonly logits: number[][];
  readonly loss: number;
  readonly gradient: number[][];
}

/** Made by PyTorch in float64: reference/gen_labels.py. */
const fixtures = JSON.parse(readFileSync(resolve(import.meta.dirname, '__fixtures__/losses.json'), 'utf8')) as {
  readonly classes: number[];
  readonly classWeights: number[];
  readonly several: number[][];
  readonly numbers: number[][];
  readonly crossEntropy: Record<'plain' | 'weights' | 'smoothing' | 'both', Case>;
  readonly binaryCrossEntropy: Record<'plain' | 'weights' | 'smoothing', Case>;
  readonly meanSquaredError: Case;
};

function expectCase({ logits, loss, gradient }: Case, compute: (logits: tf.Tensor2D) => tf.Scalar): void {
  tf.tidy(() => {
    const { value, grad } = tf.valueAndGrad((x) => compute(x as tf.Tensor2D))(tf.tensor2d(logits));
    expect(value.dataSync()[0]).toBeCloseTo(loss, 6);
    for (const [i, slope] of grad.dataSync().entries()) expect(slope).toBeCloseTo(gradient.flat()[i]!, 6);
  });
}

describe.each(['cpu', 'onnxruntime'])('losses of labels are those of PyTorch, gradients too, on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  const classes = () => tf.tensor1d(fixtures.classes, 'int32');
  const options = (name: string) => ({
    ...(/weights|both/.test(name) && { classWeights: tf.tensor1d(fixtures.classWeights) }),
    ...(/smoothing|both/.test(name) && { labelSmoothing: 0.1 }),
  });

  it.each(['plain', 'weights', 'smoothing', 'both'] as const)('cross-entropy, %s, one row without a class', (name) => {
    expectCase(fixtures.crossEntropy[name], (logits) => crossEntropy(logits, classes(), options(name)));
  });

  it.each(['plain', 'weights', 'smoothing'] as const)('binary cross-entropy, %s', (name) => {
    const labels = () => tf.tensor2d(fixtures.several);
    expectCase(fixtures.binaryCrossEntropy[name], (logits) => binaryCrossEntropy(logits, labels(), options(name)));
  });

  it('mean squared error', () => {
    expectCase(fixtures.meanSquaredError, (x) => meanSquaredError(x, tf.tensor2d(fixtures.numbers)));
  });

  it('what is not known does not count', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([
        [1, 2],
        [3, 4],
      ]);
      const gaps = tf.tensor2d([
        [Number.NaN, 0],
        [1, Number.NaN],
      ]);
      expect(meanSquaredError(x, gaps).dataSync()[0]).toBeCloseTo((4 + 4) / 2, 5);
      const [slope] = tf
        .grad((of) => meanSquaredError(of as tf.Tensor2D, gaps))(x)
        .dataSync();
      expect(slope).toBe(0);
      expect(crossEntropy(x, tf.tensor1d([-1, -1], 'int32')).dataSync()[0]).toBeCloseTo(0, 6);
    });
  });
});
