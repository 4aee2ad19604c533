import * as tf from '@tensorflow/tfjs-core';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** What layers of normalisation learn: a factor and a summand for each channel, [C] each, 1 and 0 at first. */
export abstract class AffineNorm extends Module {
  readonly weight: tf.Variable<tf.Rank.R1>;
  readonly bias: tf.Variable<tf.Rank.R1>;
  readonly eps: number;

  /** @param eps added to the variance */
  constructor(channels: number, eps = 1e-5) {
    super();
    this.eps = eps;
    this.weight = parameter(tf.ones([channels]));
    this.bias = parameter(tf.zeros([channels]));
  }
}
