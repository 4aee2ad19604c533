import type * as tf from '@tensorflow/tfjs-core';
import type { NamedInputs } from '../recorder.js';
import type { RecordingBackend } from '../recording-backend.js';

/** tfjs activation names -> the kernel that computes them. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  prelu: 'Prelu',
  leakyrelu: 'LeakyRelu',
};

/** Adds the bias and activation of tfjs's fused kernels to `x`, and disposes `x`. Undefined for an unknown activation. */
export function applyActivation(
  b: RecordingBackend,
  x: tf.TensorInfo,
  { bias, preluActivationWeights }: NamedInputs,
  attrs: tf.NamedAttrMap,
): tf.TensorInfo | undefined {
  const activation = (attrs.activation as string | undefined) ?? 'linear';
  const kernel = ACTIVATIONS[activation];
  if (!kernel && activation !== 'linear') {
    b.disposeData(x.dataId);
    return undefined;
  }
  let result = x;
  const replace = (next: tf.TensorInfo) => {
    b.disposeData(result.dataId);
    result = next;
  };
  if (bias) replace(b.record('Add', { a: result, b: bias }, {}, x.shape, x.dtype));
  if (kernel === 'Prelu') {
    replace(b.record('Prelu', { x: result, alpha: preluActivationWeights! }, {}, x.shape, x.dtype));
  } else if (kernel) {
    const alpha = kernel === 'LeakyRelu' ? { alpha: attrs.leakyreluAlpha as number } : {};
    replace(b.record(kernel, { x: result }, alpha, x.shape, x.dtype));
  }
  return result;
}
