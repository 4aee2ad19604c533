import * as tf from '@tensorflow/tfjs-core';
import { defineOptimizer } from './define-optimizer.js';
import type { OptimizerOptions, ParameterGroup } from './parameter-groups.js';
import type { Rates, UpdateInput, UpdateOutput } from './update-rule.js';

/** Settings of {@link AdamW}, with torch's defaults: rate 1e-3, decay 0.01. */
export interface AdamWSettings extends Rates {
  /** Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** Default 1e-8. */
  readonly eps: number;
}

/** Options of {@link AdamW}. */
export type AdamWOptions = OptimizerOptions<AdamWSettings>;

/** What a group of parameters may have of its own. */
export type AdamWGroup = ParameterGroup<AdamWSettings>;

type Moments = 'expAvg' | 'expAvgSq';

/**
 * torch.optim.AdamW (Loshchilov and Hutter 2019): decoupled weight decay, bias-corrected moments, eps outside the
 * corrected root. Parameters without a gradient stay untouched, also by decay, and do not count a step.
 *
 * ```ts
 * new AdamW({ learningRate: 5e-5, groups: { text: { learningRate: 1e-5, layerDecay: 0.9 } } })
 * ```
 */
export class AdamW extends defineOptimizer<AdamWSettings, Moments>({
  name: 'AdamW',
  kind: 'train/adamw',
  defaults: { learningRate: 1e-3, weightDecay: 0.01, betas: [0.9, 0.999], eps: 1e-8 },
  state: ['expAvg', 'expAvgSq'],
  check: ({ betas, eps }) => {
    if (!Array.isArray(betas) || betas.length !== 2 || !betas.every((beta) => beta >= 0 && beta < 1))
      return 'two betas, each beta in [0, 1)';
    return eps > 0 ? undefined : 'eps above 0';
  },
  update: (input) => (tf.getKernel('AdamW', tf.getBackend()) ? fusedUpdate(input) : plainUpdate(input)),
}) {}

/** By one kernel, where the backend has it. */
function fusedUpdate({ parameter, gradient, state, hyper, step }: UpdateInput<AdamWSettings, Moments>) {
  const { learningRate, weightDecay, betas, eps } = hyper;
  const inputs = { parameter, gradient, ...state, learningRate, weightDecay, step };
  const attributes = { beta1: betas[0], beta2: betas[1], eps };
  const [moved, expAvg, expAvgSq] = tf.engine().runKernel<tf.Tensor[]>('AdamW', inputs, attributes);
  return { parameter: moved!, state: { expAvg: expAvg!, expAvgSq: expAvgSq! } };
}

function plainUpdate({
  parameter,
  gradient,
  state,
  hyper: { learningRate, weightDecay, betas, eps },
  step,
}: UpdateInput<AdamWSettings, Moments>): UpdateOutput<Moments> {
  const [beta1, beta2] = betas;
  const expAvg = blend(state.expAvg, gradient, beta1);
  const expAvgSq = blend(state.expAvgSq, tf.square(gradient), beta2);
  const stepSize = tf.div(learningRate, debias(beta1, step));
  const denominator = tf.add(tf.div(tf.sqrt(expAvgSq), tf.sqrt(debias(beta2, step))), eps);
  const decayed = tf.mul(parameter, tf.sub(1, tf.mul(learningRate, weightDecay)));
  return { parameter: tf.sub(decayed, tf.mul(stepSize, tf.div(expAvg, denominator))), state: { expAvg, expAvgSq } };
}

/** before * beta + after * (1 - beta) */
function blend(before: tf.Tensor, after: tf.Tensor, beta: number): tf.Tensor {
  return tf.add(tf.mul(before, beta), tf.mul(after, 1 - beta));
}

/** 1 - beta^k, exact also where beta^k is close to 1. */
function debias(beta: number, k: tf.Tensor): tf.Tensor {
  return tf.neg(tf.expm1(tf.mul(k, Math.log(beta))));
}
