import type { Encoded } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Rows of an encoder's output, in a new order. Each part is gathered when it is first read: a fusion that looks at
 * pooled vectors alone never pays for the sequences.
 *
 * @param rows int32 [P]
 */
export function gatherRows(output: Encoded, rows: tf.Tensor): Encoded {
  return lazily(output, (part) => tf.gather(part, rows));
}

/** The first rows of an encoder's output, each part cut when it is first read. */
export function firstRows(output: Encoded, count: number): Encoded {
  return lazily(output, (part) => tf.slice(part, 0, count));
}

/** Reads a part of `output` when it is asked for, and takes from it once. */
function lazily(output: Encoded, take: (part: tf.Tensor) => tf.Tensor): Encoded {
  const taken = new Map<keyof Encoded, tf.Tensor | undefined>();
  const part = (name: keyof Encoded) => {
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
