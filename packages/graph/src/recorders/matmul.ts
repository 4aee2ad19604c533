import * as tf from '@tensorflow/tfjs-core';
import type { Recorder, RecorderTable } from '../recorder.js';
import { applyActivation } from './activation.js';

const BatchMatMul: Recorder = (b, { a, b: right }, attrs) => {
  if (a!.dtype !== 'float32' || right!.dtype !== 'float32') return undefined;
  const transposeA = Boolean(attrs?.transposeA);
  const transposeB = Boolean(attrs?.transposeB);
  const rank = { a: a!.shape.length, b: right!.shape.length };
  const inner = [a!.shape[rank.a - (transposeA ? 2 : 1)]!, right!.shape[rank.b - (transposeB ? 1 : 2)]!];
  tf.util.assert(
    inner[0] === inner[1],
    () =>
      `Error in matMul: inner shapes (${inner[0]}) and (${inner[1]}) of Tensors with shapes ${a!.shape} and ${right!.shape} and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
  const rows = a!.shape[rank.a - (transposeA ? 1 : 2)]!;
  const columns = right!.shape[rank.b - (transposeB ? 2 : 1)]!;
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), right!.shape.slice(0, -2));
  const shape = [...batch, rows, columns];
  return b.record('BatchMatMul', { a: a!, b: right! }, { transposeA, transposeB }, shape, 'float32');
};

/** Product, bias, activation: taken apart here, put together again by whoever lowers it. */
const FusedMatMul: Recorder = (b, inputs, attrs) => {
  const product = BatchMatMul(b, { a: inputs.a!, b: inputs.b! }, attrs) as tf.TensorInfo | undefined;
  return product && applyActivation(b, product, inputs, attrs);
};

/** Matrix products. */
export const MATMUL: RecorderTable = { BatchMatMul, _FusedMatMul: FusedMatMul };
