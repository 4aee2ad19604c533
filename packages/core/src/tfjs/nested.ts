import * as tf from '@tensorflow/tfjs-core';

// tfjs passes through null, undefined and any object in nested results; its type TensorContainer leaves them out. The casts are here.

/** `tf.tidy` for results of any shape: the tensors in them survive. */
export function tidyNested<Result>(run: () => Result): Result {
  return tf.tidy(run as () => tf.TensorContainer) as Result;
}

/** `tf.dispose` of every tensor in a nested value. */
export function disposeNested(value: unknown): void {
  tf.dispose(value as tf.TensorContainer);
}

/** Every tensor in a nested value, once. */
export function tensorsIn(value: unknown): tf.Tensor[] {
  return tf.tensor_util.getTensorsInContainer(value as tf.TensorContainer);
}
