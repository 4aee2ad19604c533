import { ConfigError, checkTensors, nearestName } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';

/** Element-wise function of a layer, by the name that checkpoints use. */
export type Activation =
  | 'relu'
  | 'relu6'
  | 'gelu'
  | 'gelu_tanh'
  | 'quick_gelu'
  | 'silu'
  | 'sigmoid'
  | 'tanh'
  | 'hardswish'
  | 'hardsigmoid';

/** Activations by transformers' names for them (`ACT2FN`), as its configurations have them. */
export const TRANSFORMERS_ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
  hardswish: 'hardswish',
};

/** Applies an activation by name. */
export function activate<T extends tf.Tensor>(x: T, activation: Activation): T {
  checkTensors('nn.activate', { x });
  checkActivation('nn.activate', activation);
  return ACTIVATIONS[activation](x) as T;
}

/** @throws ConfigError for a name that is no activation's, with the nearest one that is */
export function checkActivation(where: string, activation: Activation): void {
  if (Object.hasOwn(ACTIVATIONS, activation)) return;
  const known = Object.keys(ACTIVATIONS);
  const near = nearestName(String(activation), known);
  throw new ConfigError({
    where,
    expected: `an activation (${known.join(', ')})`,
    got: String(activation),
    remedy: near === undefined ? 'choose one of them' : `did you mean ${near}?`,
  });
}

/** x * Phi(x) with the exact normal distribution function: torch.nn.GELU(), transformers' `gelu`. */
export function gelu<T extends tf.Tensor>(x: T): T {
  checkTensors('nn.gelu', { x });
  return geluErf(x) as T;
}

const geluErf = (x: tf.Tensor): tf.Tensor =>
  withGradient([x], (save, input) => {
    const cdf = tf.mul(tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1), 0.5);
    save([input, cdf]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [kept, below] = saved as [tf.Tensor, tf.Tensor];
      const density = tf.mul(tf.exp(tf.mul(tf.square(kept), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(dy, tf.add(below, tf.mul(kept, density)))];
    };
    return { value: tf.mul(input, cdf), gradFunc };
  });

/** The tanh approximation: torch.nn.GELU(approximate='tanh'), transformers' `gelu_new` and `gelu_pytorch_tanh`. */
function geluTanh(x: tf.Tensor): tf.Tensor {
  const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

const ACTIVATIONS: Record<Activation, (x: tf.Tensor) => tf.Tensor> = {
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.relu6(x),
  gelu: geluErf,
  gelu_tanh: geluTanh,
  quick_gelu: (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
  sigmoid: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  hardswish: (x) => tf.mul(x, hardSigmoid(x)),
  hardsigmoid: (x) => hardSigmoid(x),
};

/** torch.nn.Hardsigmoid: relu6(x + 3) / 6. */
function hardSigmoid(x: tf.Tensor): tf.Tensor {
  return tf.div(tf.relu6(tf.add(x, 3)), 6);
}
