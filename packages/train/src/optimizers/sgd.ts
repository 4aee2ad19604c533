import * as tf from '@tensorflow/tfjs-core';
import { defineOptimizer } from './define-optimizer.js';
import type { OptimizerOptions } from './parameter-groups.js';
import type { Rates } from './update-rule.js';

/** Settings of {@link SGD}, with torch's defaults: rate 1e-3, all others 0. */
export interface SGDSettings extends Rates {
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
}

/** Options of {@link SGD}. */
export type SGDOptions = OptimizerOptions<SGDSettings>;

/**
 * torch.optim.SGD: gradient descent with momentum (Sutskever et al. 2013), Nesterov's if asked for. Weight decay is added to the
 * gradient. The first update takes the gradient itself for the momentum, whatever the dampening.
 *
 * ```ts
 * new SGD({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 })
 * ```
 */
export class SGD extends defineOptimizer<SGDSettings, 'momentumBuffer'>({
  name: 'SGD',
  kind: 'train/sgd',
  defaults: { learningRate: 1e-3, weightDecay: 0, momentum: 0, dampening: 0, nesterov: false },
  state: (shape, { momentum }) => (momentum > 0 ? { momentumBuffer: shape } : {}),
  check: ({ momentum, dampening, nesterov }) => {
    if (!(momentum >= 0 && Number.isFinite(momentum))) return 'momentum of at least 0';
    if (nesterov && (momentum === 0 || dampening !== 0)) return 'momentum and no dampening with nesterov';
    return Number.isFinite(dampening) ? undefined : 'a finite dampening';
  },
  update({ parameter, gradient, state, hyper, step }) {
    const { learningRate, weightDecay, momentum, dampening, nesterov } = hyper;
    const descend = (direction: tf.Tensor) => tf.sub(parameter, tf.mul(learningRate, direction));
    const decayed = tf.add(gradient, tf.mul(weightDecay, parameter));
    if (momentum === 0) return { parameter: descend(decayed), state: {} };
    // all of the first gradient, and 1 - dampening of each later one
    const share = dampening === 0 ? 1 : tf.where(tf.lessEqual(step, 1), tf.scalar(1), tf.scalar(1 - dampening));
    const momentumBuffer = tf.add(tf.mul(state.momentumBuffer, momentum), tf.mul(decayed, share));
    const direction = nesterov ? tf.add(decayed, tf.mul(momentumBuffer, momentum)) : momentumBuffer;
    return { parameter: descend(direction), state: { momentumBuffer } };
  },
}) {}
