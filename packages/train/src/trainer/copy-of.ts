import type { Tensor } from '@tensorflow/tfjs-core';

/** A float32 tensor's values in an array of one's own: backends may hand out memory that they use again after dispose. */
export async function copyOf(tensor: Tensor): Promise<Float32Array> {
  return ((await tensor.data()) as Float32Array).slice();
}
