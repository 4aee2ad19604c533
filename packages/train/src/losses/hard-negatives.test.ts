import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { infoNCE } from '../index.js';

interface Case {
  readonly name: string;
  readonly ids: number[];
  readonly negativeTextIds: number[];
  readonly negativeImageIds: number[];
  readonly labelSmoothing: number;
  readonly inputs: Readonly<Record<string, number[][] | number>>;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, number[][] | number>>;
}

/** Made by PyTorch: reference/gen_hard_negatives.py. */
const cases = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '__fixtures__/hard-negatives.json'), 'utf8'),
) as Case[];

describe.each(['cpu', 'onnxruntime'])('InfoNCE with explicit hard negatives on %s, as PyTorch', (backend) => {
  it.each(cases)(
    '$name',
    async ({ ids, negativeTextIds, negativeImageIds, labelSmoothing, inputs, loss, gradients }) => {
      await tf.setBackend(backend);
      const ints = (values: number[]) => tf.tensor1d(values, 'int32');
      const compute = (image: tf.Tensor, text: tf.Tensor, texts: tf.Tensor, images: tf.Tensor, scale: tf.Tensor) =>
        infoNCE(image as tf.Tensor2D, text as tf.Tensor2D, scale as tf.Scalar, {
          positives: ints(ids),
          labelSmoothing,
          negatives: {
            image: { pooled: images as tf.Tensor2D, ids: ints(negativeImageIds) },
            text: { pooled: texts as tf.Tensor2D, ids: ints(negativeTextIds) },
          },
        });
      const { value, grads } = tf.valueAndGrads(compute as (...args: tf.Tensor[]) => tf.Tensor)(
        Object.values(inputs).map((values) => tf.tensor(values)),
      );
      expect(value.dataSync()[0]).toBeCloseTo(loss, 5);
      for (const [i, [name, wanted]] of Object.entries(gradients).entries()) {
        const got = grads[i]!.dataSync();
        for (const [j, gradient] of [wanted].flat(2).entries()) {
          expect(Math.abs(got[j]! - gradient), `${name}[${j}]`).toBeLessThan(2e-6);
        }
      }
    },
  );
});
