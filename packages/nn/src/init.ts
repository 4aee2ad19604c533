import { checkList, checkPositive } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Generator } from './generator.js';

/** Makes the first value of a parameter of the given (PyTorch) shape. */
export type Initializer = <R extends tf.Rank>(shape: tf.ShapeMap[R], generator: Generator) => tf.Tensor<R>;

/** All zeros. Also for weights that a checkpoint will overwrite. */
export const zeros: Initializer = (shape) => tf.zeros(checked(shape));

/** All ones. */
export const ones: Initializer = (shape) => tf.ones(checked(shape));

/** N(mean, std^2). */
export function normal(std = 1, mean = 0): Initializer {
  return (shape, generator) => tf.tensor(generator.normal(sizeOf(shape), mean, std), shape);
}

/** U[low, high). */
export function uniform(low: number, high: number): Initializer {
  return (shape, generator) => tf.tensor(generator.uniform(sizeOf(shape), low, high), shape);
}

/** Normal values redrawn while further than `cutoff` standard deviations off (timm's `trunc_normal_`, by resampling). */
export function truncatedNormal(std = 0.02, cutoff = 2): Initializer {
  return (shape, generator) => {
    const values = generator.normal(sizeOf(shape), 0, std);
    for (;;) {
      const outside: number[] = [];
      for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > cutoff * std) outside.push(i);
      if (outside.length === 0) return tf.tensor(values, shape);
      const again = generator.normal(outside.length, 0, std);
      outside.forEach((index, i) => {
        values[index] = again[i]!;
      });
    }
  };
}

/** torch.nn.init.kaiming_normal_(mode, nonlinearity='relu'): std = sqrt(2 / fan). */
export function kaimingNormal(mode: 'fanIn' | 'fanOut' = 'fanIn'): Initializer {
  return (shape, generator) => normal(Math.sqrt(2 / fans(shape)[mode]))(shape, generator);
}

/** torch's default for Linear and Conv2d weights: kaiming_uniform_(a=sqrt(5)), i.e. U(-1/sqrt(fanIn), 1/sqrt(fanIn)). */
export const kaimingUniform: Initializer = (shape, generator) => {
  const bound = 1 / Math.sqrt(fans(shape).fanIn);
  return uniform(-bound, bound)(shape, generator);
};

/** torch.nn.init.xavier_uniform_: U(-b, b), b = gain * sqrt(6 / (fanIn + fanOut)). */
export function xavierUniform(gain = 1): Initializer {
  return (shape, generator) => {
    const { fanIn, fanOut } = fans(shape);
    const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
    return uniform(-bound, bound)(shape, generator);
  };
}

/** torch.nn.init.xavier_normal_: std = gain * sqrt(2 / (fanIn + fanOut)). */
export function xavierNormal(gain = 1): Initializer {
  return (shape, generator) => {
    const { fanIn, fanOut } = fans(shape);
    return normal(gain * Math.sqrt(2 / (fanIn + fanOut)))(shape, generator);
  };
}

/** torch's `_calculate_fan_in_and_fan_out` for weights [out, in, ...receptive field]. */
export function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  checkList('nn.fans', 'the shape', shape);
  const [out = 1, into = 1, ...field] = shape;
  const receptive = sizeOf(field);
  return { fanIn: into * receptive, fanOut: out * receptive };
}

function checked<Shape extends number[]>(shape: Shape): Shape {
  checkList('nn.init', 'the shape', shape);
  for (const size of shape) checkPositive('nn.init', 'a size', size);
  return shape;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
