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
    return dropped(x, this.p, x.shape, siteOf(this.path), context);
  }
}

/**
 * In training, zeroes with probability `p` and scales the rest by 1 / (1 - p).
 *
 * @param shape of the mask, which broadcasts to x
 * @param site of the draw
 */
export function dropped<T extends tf.Tensor>(x: T, p: number, shape: number[], site: number, context: Context): T {
  if (!context.training || p === 0) return x;
  const keep = tf.cast(tf.greaterEqual(philoxUniform(context.random, shape, site), p), 'float32');
  return tf.mul(x, tf.mul(keep, 1 / (1 - p))) as T;
}
