import { type RandomStream, wordToUniform } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { philoxWords } from './philox-words.js';

/**
 * Uniform floats in [0, 1) by (seed, step, site, global row), so that a row's numbers do not depend on the batch it is in.
 *
 * For row r of the leading axis and flat index i inside the row: counter = (i >> 2, rowOffset + r, step, site),
 * key = (seed, 0), word i & 3 of Philox 4x32-10. Backends with a kernel `PhiloxUniform` draw natively; elsewhere the numbers
 * are drawn here, the same ones.
 *
 * @param shape any; a scalar counts as one row
 * @param site number of the place that draws, see `siteOf`
 */
export function philoxUniform<S extends number[]>(stream: RandomStream, shape: S, site: number): tf.Tensor {
  if (tf.getKernel('PhiloxUniform', tf.getBackend())) {
    return tf.engine().runKernel('PhiloxUniform', { state: stream.state }, { shape, site });
  }
  const [seed, step, rowOffset] = stream.state.dataSync();
  return tf.tensor(drawUniform(shape, seed!, step!, rowOffset!, site), shape);
}

/** The numbers of {@link philoxUniform} on the host. */
export function drawUniform(
  shape: readonly number[],
  seed: number,
  step: number,
  rowOffset: number,
  site: number,
): Float32Array {
  const [rows = 1, ...inner] = shape;
  const rowSize = inner.reduce((product, size) => product * size, 1);
  const out = new Float32Array(rows * rowSize);
  const words = new Uint32Array(rowSize);
  for (let row = 0; row < rows; row++) {
    philoxWords(words, [seed, 0], [rowOffset + row, step, site]);
    for (let i = 0; i < rowSize; i++) out[row * rowSize + i] = wordToUniform(words[i]!);
  }
  return out;
}

/** A random stream for a training call. The caller disposes `state`. */
export function randomStream(seed: number, step: number, rowOffset = 0): RandomStream {
  return { state: tf.tensor1d(Int32Array.of(seed, step, rowOffset), 'int32') };
}
