import type { EncoderOutput } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Rows of an encoder's output, in a new order. Each part is gathered when it is first read: a fusion that looks at
 * pooled vectors alone never pays for the sequences.
 *
 * @param rows int32 [P]
 */
export function gatherRows(output: EncoderOutput, rows: tf.Tensor1D): EncoderOutput {
  const once = <T extends tf.Tensor>(source: T): (() => T) => {
    let gathered: T | undefined;
    return () => {
      gathered ??= tf.gather(source, rows) as T;
      return gathered;
    };
  };
  const pooled = once(output.pooled);
  const sequence = once(output.sequence);
  const mask = output.mask && once(output.mask);
  return {
    get pooled() {
      return pooled();
    },
    get sequence() {
      return sequence();
    },
    get mask() {
      return mask?.();
    },
  };
}
