import * as tf from '@tensorflow/tfjs-core';

/** A value, and the gradients of the inputs (one each) from that of the value and what was saved. */
export interface WithGradient<Value extends tf.Tensor> {
  readonly value: Value;
  readonly gradFunc: (dy: Value, saved: tf.Tensor[]) => tf.Tensor[];
}

/**
 * `tf.customGrad` with types, called at once: tfjs hands the inputs and `save` over in one list, whose type says neither how many
 * nor of which rank they are.
 *
 * @param forward keeps with `save`, at most once, what `gradFunc` needs
 */
export function withGradient<Inputs extends readonly tf.Tensor[], Value extends tf.Tensor>(
  inputs: readonly [...Inputs],
  forward: (save: (tensors: tf.Tensor[]) => void, ...inputs: Inputs) => WithGradient<Value>,
): Value {
  const operation = tf.customGrad<Value>((...given) => {
    const save = given.pop() as tf.GradSaveFunc;
    return forward(save, ...(given as readonly tf.Tensor[] as Inputs));
  });
  return operation(...inputs);
}
