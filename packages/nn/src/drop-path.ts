import { type Context, siteOf } from '@diptych/core';
import type * as tf from '@tensorflow/tfjs-core';
import { checkProbability } from './check-layer.js';
import { dropped } from './dropout.js';
import { Module } from './module.js';
import { philoxUniform } from './philox-uniform.js';

/**
 * Stochastic depth (Huang et al. 2016; timm's DropPath, torchvision's `StochasticDepth(mode='row')`): in training,
 * drops a residual branch of whole rows with probability `p` and scales the others by 1 / (1 - p).
 *
 * Which rows depends on (seed, step, module path, global row) alone, as with Dropout.
 */
export class DropPath extends Module {
  /** @throws ConfigError unless 0 <= p < 1 */
  constructor(readonly p: number) {
    super();
    checkProbability('nn.DropPath', 'p', p);
  }

  /** The branch before it is added to the trunk; any shape whose first axis is the batch. */
  forward<T extends tf.Tensor>(x: T, context: Context): T {
    if (!context.training || this.p === 0) return x;
    const perRow = x.shape.map((size, axis) => (axis === 0 ? size : 1));
    return dropped(x, this.p, philoxUniform(context.random, perRow, siteOf(this.path)));
  }
}
