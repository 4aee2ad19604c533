import * as tf from '@tensorflow/tfjs-core';
import { defineOptimizer } from './define-optimizer.js';
import type { OptimizerOptions } from './parameter-groups.js';
import type { Rates } from './update-rule.js';

/** Settings of {@link Lion}: rate 1e-4 and decay 0 by default. */
export interface LionSettings extends Rates {
  /** Of the step's direction, and of the momentum that is kept; default [0.9, 0.99]. */
  readonly betas: readonly [number, number];
}

/** Options of {@link Lion}. */
export type LionOptions = OptimizerOptions<LionSettings>;

/**
 * Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", program 1): the sign of an average of gradients, with
 * decoupled weight decay. One tensor of state a parameter. The paper's advice beside AdamW: a rate 3 to 10 times smaller and a
 * decay 3 to 10 times larger.
 */
export class Lion extends defineOptimizer<LionSettings, 'expAvg'>({
  name: 'Lion',
  kind: 'train/lion',
  defaults: { learningRate: 1e-4, weightDecay: 0, betas: [0.9, 0.99] },
  state: ['expAvg'],
  check: ({ betas }) =>
    betas.length === 2 && betas.every((beta) => beta >= 0 && beta < 1) ? undefined : 'two betas, each beta in [0, 1)',
  update({ parameter, gradient, state, hyper: { learningRate, weightDecay, betas } }) {
    const blend = (beta: number) => tf.add(tf.mul(state.expAvg, beta), tf.mul(gradient, 1 - beta));
    const decayed = tf.mul(parameter, tf.sub(1, tf.mul(learningRate, weightDecay)));
    return {
      parameter: tf.sub(decayed, tf.mul(learningRate, tf.sign(blend(betas[0])))),
      state: { expAvg: blend(betas[1]) },
    };
  },
}) {}
