import type { Encoded } from '@diptych/core';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** What a tower might give: normal values from a seed. */
export function towerOutput(
  seed: number,
  batch: number,
  length: number,
  width: number,
  mask?: readonly (readonly number[])[],
): Encoded {
  const generator = new Generator(seed);
  return {
    pooled: tf.tensor2d(generator.normal(batch * width), [batch, width]),
    sequence: tf.tensor3d(generator.normal(batch * length * width), [batch, length, width]),
    mask: mask && tf.tensor2d(mask.flat(), [batch, length]),
  };
}
