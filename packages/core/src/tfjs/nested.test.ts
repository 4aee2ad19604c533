import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { disposeNested, tensorsIn, tidyNested } from './index.js';

interface Output {
  readonly pooled: tf.Tensor;
  readonly sequence: tf.Tensor | null;
  readonly parts: readonly { readonly name: string; readonly value?: tf.Tensor }[];
}

it('keeps, finds and frees the tensors of nested values with gaps', () => {
  const before = tf.memory().numTensors;
  const output = tidyNested((): Output => {
    const pooled = tf.add(tf.scalar(1), 2);
    return { pooled, sequence: null, parts: [{ name: 'a', value: tf.neg(pooled) }, { name: 'b' }] };
  });
  expect(tf.memory().numTensors).toBe(before + 2);
  expect(tensorsIn(output).map((tensor) => tensor.dataSync()[0])).toEqual([3, -3]);
  disposeNested(output);
  expect(tf.memory().numTensors).toBe(before);
});
