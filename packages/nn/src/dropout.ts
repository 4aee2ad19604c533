import { type Context, siteOf } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { checkProbability } from './check-layer.js';
import { Module } from './module.js';
import { philoxUniform } from './philox-uniform.js';

/**
 * torch.nn.Dropout: in training, zeroes each element with probability `p` and scales the rest by 1 / (1 - p).
 *
 * The mask depends on (seed, step, module path, global row) alone: the same on every backend, in every accumulation
 * chunk, and after a resume.
 */
export class Dropout extends Module {
  constructor(readonly p: number) {
    super();
    checkProbability('nn.Dropout', 'p', p);
  }

  /** Any shape whose first axis is the batch. */
  forward<T extends tf.Tensor>(x: T, context: Context): T {
    if (!context.training || this.p === 0) return x;
    return dropped(x, this.p, philoxUniform(context.random, x.shape, siteOf(this.path)));
  }
}

/** Zeroes what drew less than `p`, and scales the rest by 1 / (1 - p). `uniform` broadcasts to x. */
export function dropped<T extends tf.Tensor>(x: T, p: number, uniform: tf.Tensor): T {
  const keep = tf.cast(tf.greaterEqual(uniform, p), 'float32');
  return tf.mul(x, tf.mul(keep, 1 / (1 - p))) as T;
}
