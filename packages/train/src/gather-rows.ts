import type { EncoderOutput } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Rows of an encoder's output, in a new order. Each part is gathered when it is first read: a fusion that looks at
 * pooled vectors alone never pays for the sequences.
 *
 * @param rows int32 [P]
 */
export function gatherRows(output: EncoderOutput, rows: tf.Tensor1D): EncoderOutput {
  return lazily(output, (part) => tf.gather(part, rows));
}

/** The first rows of an encoder's output, each part cut when it is first read. */
export function firstRows(output: EncoderOutput, count: number): EncoderOutput {
  return lazily(output, (part) => tf.slice(part, 0, count));
}

/** Reads a part of `output` when it is asked for, and takes from it once. */
function lazily(output: EncoderOutput, take: (part: tf.Tensor) => tf.Tensor): EncoderOutput {
  const taken = new Map<keyof EncoderOutput, tf.Tensor | undefined>();
  const part = (name: keyof EncoderOutput) => {
    if (!taken.has(name)) taken.set(name, output[name] && take(output[name]));
    return taken.get(name);
  };
  return {
    get pooled() {
      return part('pooled') as tf.Tensor2D;
    },
    get sequence() {
      return part('sequence') as tf.Tensor3D;
    },
    get mask() {
      return part('mask') as tf.Tensor2D | undefined;
    },
  };
}
