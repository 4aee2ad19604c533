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
function lazily(output: Encoded, take: <Part extends tf.Tensor>(part: Part) => Part): Encoded {
  const pooled = once(() => take(output.pooled));
  const sequence = once(() => take(output.sequence));
  const mask = once(() => output.mask && take(output.mask));
  return {
    get pooled() {
      return pooled();
    },
    get sequence() {
      return sequence();
    },
    get mask() {
      return mask();
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
