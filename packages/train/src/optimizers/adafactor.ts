import * as tf from '@tensorflow/tfjs-core';
import { defineOptimizer } from './define-optimizer.js';
import type { OptimizerOptions } from './parameter-groups.js';
import type { Rates } from './update-rule.js';

/** Settings of {@link Adafactor}, with torch's defaults: rate 1e-2, decay 0. */
export interface AdafactorSettings extends Rates {
  /** Exponent of the second moment's decay, 1 - step^beta2Decay; default -0.8. */
  readonly beta2Decay: number;
  /** Smallest second moment, and smallest size of a parameter that the rate is relative to; default [2^-23, 1e-3]. */
  readonly eps: readonly [number, number];
  /** Largest root mean square of an update before the rate; default 1. */
  readonly clipThreshold: number;
}

/** Options of {@link Adafactor}. */
export type AdafactorOptions = OptimizerOptions<AdafactorSettings>;

/**
 * torch.optim.Adafactor (Shazeer and Stern 2018): the second moment of a matrix as one row and one column, so that the state of a
 * large model is next to nothing; no first moment; rates relative to the size of each parameter.
 */
export class Adafactor extends defineOptimizer<AdafactorSettings, 'rowVar' | 'colVar' | 'variance'>({
  name: 'Adafactor',
  kind: 'train/adafactor',
  defaults: { learningRate: 1e-2, weightDecay: 0, beta2Decay: -0.8, eps: [2 ** -23, 1e-3], clipThreshold: 1 },
  state: (shape) =>
    shape.length > 1
      ? { rowVar: [...shape.slice(0, -1), 1], colVar: [...shape.slice(0, -2), 1, shape.at(-1)!] }
      : { variance: shape },
  check: ({ beta2Decay, eps, clipThreshold }) => {
    if (!(beta2Decay <= 0)) return 'beta2Decay of at most 0';
    if (eps.length !== 2 || !eps.every((value) => value >= 0)) return 'two eps of at least 0';
    return clipThreshold >= 1 ? undefined : 'clipThreshold of at least 1';
  },
  update({ parameter, gradient, state, hyper, step }) {
    const { learningRate, weightDecay, beta2Decay, eps, clipThreshold } = hyper;
    const share = tf.pow(step, beta2Decay);
    const moved = (before: tf.Tensor, now: tf.Tensor) => tf.add(before, tf.mul(tf.sub(now, before), share));
    const squares = tf.square(gradient);
    const rate = tf.mul(tf.maximum(eps[1], rms(parameter)), tf.minimum(learningRate, tf.rsqrt(step)));
    const descend = (variance: tf.Tensor) => {
      const direction = tf.mul(tf.rsqrt(tf.maximum(variance, eps[0] ** 2)), gradient);
      const clip = tf.maximum(1, tf.div(rms(direction), clipThreshold));
      return tf.sub(
        tf.mul(parameter, tf.sub(1, tf.mul(learningRate, weightDecay))),
        tf.mul(direction, tf.div(rate, clip)),
      );
    };
    if (parameter.rank < 2) {
      const variance = moved(state.variance, squares);
      return { parameter: descend(variance), state: { variance } };
    }
    const rowVar = moved(state.rowVar, tf.mean(squares, -1, true));
    const colVar = moved(state.colVar, tf.mean(squares, -2, true));
    const total = tf.maximum(tf.mean(rowVar, -2, true), eps[0]);
    return { parameter: descend(tf.div(tf.mul(rowVar, colVar), total)), state: { rowVar, colVar } };
  },
}) {}

/** Root mean square of all elements. */
function rms(x: tf.Tensor): tf.Tensor {
  return tf.sqrt(tf.mean(tf.square(x)));
}
