import { compile, Embedding, Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useOnnxRuntime } from '../index.js';

const [ROWS, WIDTH, TOKENS, REPLAYS] = [30522, 128, 4096, 12];

describe('the gradient of an embedding', () => {
  beforeAll(() => {
    // Adding repeated rows from two threads without a lock is what once made replays differ.
    useOnnxRuntime({ intraOpNumThreads: 2 });
  });
  afterAll(() => {
    tf.disposeVariables();
    useOnnxRuntime();
  });

  it('is the same in every bit at each replay, ids repeated', () => {
    const table = new Embedding(ROWS, WIDTH, { generator: new Generator(1), init: (shape) => tf.zeros(shape) });
    const gradient = compile((ids: tf.Tensor, weights: tf.Tensor) => {
      const loss = () => tf.sum(tf.mul(table.forward(ids), weights)) as tf.Scalar;
      return tf.variableGrads(loss, [table.weight]).grads[table.weight.name]!;
    });
    // Few different ids, as padding and common words are: a hundred rows add up in one.
    const rows = Int32Array.from({ length: TOKENS }, (_, i) => (i * i * 31) % 37);
    const ids = tf.tensor1d(rows, 'int32');
    const weights = tf.randomNormal([TOKENS, WIDTH], 0, 1, 'float32', 2);
    const replay = () => {
      const result = gradient(ids, weights);
      const values = result.dataSync() as Float32Array;
      result.dispose();
      return values;
    };
    const first = replay();
    for (let i = 1; i < REPLAYS; i++) expect(Buffer.compare(bytesOf(replay()), bytesOf(first)), `replay ${i}`).toBe(0);
    const expected = sumsByRow(rows, weights.dataSync() as Float32Array);
    let worst = 0;
    for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(expected[i]! - first[i]!));
    expect(worst).toBeLessThan(1e-4);
    gradient.dispose();
  });
});

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

/** What the gradient is, in float64. */
function sumsByRow(ids: Int32Array, weights: Float32Array): Float64Array {
  const sums = new Float64Array(ROWS * WIDTH);
  ids.forEach((id, token) => {
    for (let column = 0; column < WIDTH; column++) sums[id * WIDTH + column]! += weights[token * WIDTH + column]!;
  });
  return sums;
}
