import * as tf from '@tensorflow/tfjs-core';

/** One tensor a parameter, all lists in one order. */
export interface AdamWState<T extends tf.Tensor = tf.Tensor> {
  readonly parameters: readonly T[];
  readonly expAvg: readonly T[];
  readonly expAvgSq: readonly T[];
}

/** What all parameters of an update share. */
export interface AdamWAttributes {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /**
   * Gradients are scaled down to this global L2 norm; Infinity never scales. With a number, gradients whose norm is not
   * finite change nothing at all. null: neither.
   */
  readonly maxNorm: number | null;
}

/** torch's guard against division by zero in `clip_grad_norm_`. */
const CLIP_EPSILON = 1e-6;

/**
 * One update of `torch.optim.AdamW` (Loshchilov and Hutter 2019) for all parameters at once:
 * `g *= min(1, maxNorm / (norm + 1e-6)); p *= 1 - lr * decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * p -= lr / (1 - b1^k) * m / (sqrt(v) / sqrt(1 - b2^k) + eps)`.
 *
 * Runs the kernel `FusedAdamW` where the backend has one, and plain operators elsewhere.
 *
 * @param hyper float32 [n, 3]: learning rate, weight decay and step count k (from 1) of each parameter
 * @returns the new values, and float32 [n]: the sum of squares of each gradient, before clipping
 */
export function fusedAdamW(
  hyper: tf.Tensor2D,
  state: AdamWState,
  gradients: readonly tf.Tensor[],
  attributes: AdamWAttributes,
): AdamWState & { readonly squares: tf.Tensor1D } {
  if (!tf.getKernel('FusedAdamW', tf.getBackend())) return portableAdamW(hyper, state, gradients, attributes);
  const count = gradients.length;
  const inputs: Record<string, tf.Tensor> = { hyper };
  for (let i = 0; i < count; i++) {
    inputs[`p${i}`] = state.parameters[i]!;
    inputs[`g${i}`] = gradients[i]!;
    inputs[`m${i}`] = state.expAvg[i]!;
    inputs[`v${i}`] = state.expAvgSq[i]!;
  }
  const outputs = tf
    .engine()
    .runKernel('FusedAdamW', inputs, { count, ...attributes } as tf.NamedAttrMap) as tf.Tensor[];
  return {
    parameters: outputs.slice(0, count),
    expAvg: outputs.slice(count, 2 * count),
    expAvgSq: outputs.slice(2 * count, 3 * count),
    squares: outputs[3 * count] as tf.Tensor1D,
  };
}

function portableAdamW(
  hyper: tf.Tensor2D,
  state: AdamWState,
  gradients: readonly tf.Tensor[],
  { beta1, beta2, eps, maxNorm }: AdamWAttributes,
): AdamWState & { readonly squares: tf.Tensor1D } {
  const squares = tf.stack(gradients.map((gradient) => tf.sum(tf.square(gradient)))) as tf.Tensor1D;
  const gradNorm = normOf(squares);
  const scale = maxNorm === null ? tf.scalar(1) : tf.minimum(1, tf.div(maxNorm, tf.add(gradNorm, CLIP_EPSILON)));
  const healthy = maxNorm === null ? undefined : tf.isFinite(gradNorm);
  const unless = (after: tf.Tensor, before: tf.Tensor) => (healthy ? tf.where(healthy, after, before) : after);
  const updated = gradients.map((gradient, i) => {
    const [rate, decay, k] = [0, 1, 2].map((column) => tf.reshape(tf.slice(hyper, [i, column], [1, 1]), []));
    const [p, m, v] = [state.parameters[i]!, state.expAvg[i]!, state.expAvgSq[i]!];
    const g = tf.mul(gradient, scale);
    const mean = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
    const square = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
    const stepSize = tf.div(rate!, debias(beta1, k!));
    const denominator = tf.add(tf.div(tf.sqrt(square), tf.sqrt(debias(beta2, k!))), eps);
    const decayed = tf.mul(p, tf.sub(1, tf.mul(rate!, decay!)));
    const moved = tf.sub(decayed, tf.mul(stepSize, tf.div(mean, denominator)));
    return [unless(moved, p), unless(mean, m), unless(square, v)];
  });
  return {
    parameters: updated.map(([p]) => p!),
    expAvg: updated.map(([, m]) => m!),
    expAvgSq: updated.map(([, , v]) => v!),
    squares,
  };
}

/** L2 norm of several gradients, from the sum of squares of each. */
export function normOf(squares: tf.Tensor1D): tf.Scalar {
  return tf.sqrt(tf.sum(squares)) as tf.Scalar;
}

/** 1 - beta^k, exact also where beta^k is close to 1. */
function debias(beta: number, k: tf.Tensor): tf.Tensor {
  return tf.neg(tf.expm1(tf.mul(k, Math.log(beta))));
}
