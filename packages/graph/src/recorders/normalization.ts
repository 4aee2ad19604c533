import type * as tf from '@tensorflow/tfjs-core';
import type { Recorder, RecorderTable } from '../recorder.js';

const FusedBatchNorm: Recorder<tf.FusedBatchNormAttrs> = (b, { x, mean, variance, offset, scale }, attrs) => {
  const { varianceEpsilon } = attrs;
  const channels = x!.shape.at(-1);
  const inputs = { x: x!, mean: mean!, variance: variance!, ...(offset && { offset }), ...(scale && { scale }) };
  // Statistics of full rank are legal in tfjs; those of one value a channel are what engines know.
  const perChannel = Object.entries(inputs).every(
    ([name, t]) => t.dtype === 'float32' && (name === 'x' || (t.shape.length === 1 && t.shape[0] === channels)),
  );
  if (!perChannel) return undefined;
  return b.record('FusedBatchNorm', inputs, { varianceEpsilon }, x!.shape, 'float32');
};

const softmax =
  (op: string): Recorder =>
  (b, { logits }, attrs) => {
    const rank = logits!.shape.length;
    const dim = (attrs?.dim as number | undefined) ?? (attrs?.axis as number | undefined) ?? -1;
    if (logits!.dtype !== 'float32' || (dim !== -1 && dim !== rank - 1)) return undefined;
    return b.record(op, { logits: logits! }, { dim: rank - 1, axis: rank - 1 }, logits!.shape, 'float32');
  };

/** Normalisations that are kernels of their own. */
export const NORMALIZATION: RecorderTable = {
  FusedBatchNorm,
  Softmax: softmax('Softmax'),
  LogSoftmax: softmax('LogSoftmax'),
};
