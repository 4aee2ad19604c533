import { checkTensors } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

const BUFFER = Symbol.for('diptych.buffer');

/**
 * A trainable value of a module. It takes the tensor over: do not use it afterwards.
 *
 * @param initial any shape; parameters have PyTorch's shapes, so that state dicts need no conversion
 */
export function parameter<R extends tf.Rank>(initial: tf.Tensor<R>): tf.Variable<R> {
  checkTensors('nn.parameter', { initial });
  return own(initial, true);
}

/** A value that is saved with a module but never trained, such as a running mean. It takes the tensor over. */
export function buffer<R extends tf.Rank>(initial: tf.Tensor<R>): tf.Variable<R> {
  checkTensors('nn.buffer', { initial });
  return Object.assign(own(initial, false), { [BUFFER]: true });
}

/** True for variables made by {@link buffer}. */
export function isBuffer(variable: tf.Variable): boolean {
  return typeof variable === 'object' && variable !== null && BUFFER in variable;
}

function own<R extends tf.Rank>(initial: tf.Tensor<R>, trainable: boolean): tf.Variable<R> {
  const variable = tf.variable(initial, trainable);
  initial.dispose();
  return variable;
}
