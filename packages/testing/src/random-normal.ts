import { checkList, checkPositive } from '@diptych/core';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Float32 numbers of N(0, 1): the same for the same seed, on every backend. */
export function randomNormal<R extends tf.Rank = tf.Rank>(shape: readonly number[], seed: number): tf.Tensor<R> {
  checkList('testing.randomNormal', 'the shape', shape);
  for (const length of shape) checkPositive('testing.randomNormal', 'a size', length);
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(new Generator(seed).normal(size), [...shape] as tf.ShapeMap[R]);
}
