import * as tf from '@tensorflow/tfjs-core';

/** All variables that tfjs knows, in order of creation for most. */
export function registeredVariables(): tf.Variable[] {
  return Object.values(tf.engine().state.registeredVariables);
}

/** True inside `tf.grad` and its kin: tfjs counts how deep. */
export function isTaping(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/**
 * Runs a function that computes gradients while gradients are computed: the engine forgets its tape when the inner ones are
 * done, although the outer ones still need it.
 */
export function keepingTape<Result>(run: () => Result): Result {
  const { state } = tf.engine();
  const tape = state.activeTape;
  try {
    return run();
  } finally {
    state.activeTape = tape;
  }
}
