import type { Emitter, Lowering, LoweringTable } from './emitter.js';

/** Channels are axis 1 by the layout pass (axis 0 of a vector). */
const FusedBatchNorm: Lowering = (e, inputs, node) => {
  const named = Object.fromEntries(node.inputNames.map((name, i) => [name, inputs[i]!]));
  const { shape } = node.outputs[0]!;
  const channels = shape[Math.min(1, shape.length - 1)]!;
  const epsilon = node.attrs.varianceEpsilon as number;
  const scale = named.scale ?? e.expand(e.scalar(1), [channels]);
  const offset = named.offset ?? e.expand(e.scalar(0), [channels]);
  if (shape.length < 3) return normalize(e, named.x!, { ...named, scale, offset }, epsilon);
  const operands = [named.x!, scale, offset, named.mean!, named.variance!];
  return e.op('BatchNormalization', operands, { epsilon: { float: epsilon } });
};

function normalize(e: Emitter, x: string, by: Record<string, string>, epsilon: number): string {
  const deviation = e.op('Sqrt', [e.op('Add', [by.variance!, e.scalar(epsilon)])]);
  const factor = e.op('Div', [by.scale!, deviation]);
  return e.op('Add', [e.op('Mul', [e.op('Sub', [x, by.mean!]), factor]), by.offset!]);
}

/** Mean 0 and variance 1 leave the operator with scale and shift alone, in one pass. */
const ChannelAffine: Lowering = (e, [x, scale, shift], node) => {
  const channels = node.outputs[0]!.shape[1]!;
  const zeros = e.constant(new Float32Array(channels), [channels], 'float32');
  const ones = e.constant(new Float32Array(channels).fill(1), [channels], 'float32');
  return e.op('BatchNormalization', [x!, scale!, shift!, zeros, ones], { epsilon: { float: 0 } });
};

/**
 * With momentum 0 the operator's running statistics are those of the batch, the variance biased. ONNX Runtime writes them
 * over the statistics that it is given, so these must be tensors that nothing else reads: no constants.
 */
const BatchNormTrain: Lowering = (e, [x, scale, shift], node) => {
  const channels = node.outputs[0]!.shape[1]!;
  const overwritten = () => e.expand(e.scalar(0), [channels]);
  const attributes = { epsilon: { float: node.attrs.epsilon as number }, momentum: { float: 0 }, training_mode: 1 };
  return e.ops('BatchNormalization', [x!, scale!, shift!, overwritten(), overwritten()], 3, attributes);
};

/** Its further outputs are the mean and 1 / deviation. */
const LayerNorm: Lowering = (e, inputs, node) =>
  e.ops('LayerNormalization', inputs, 3, { axis: -1, epsilon: { float: node.attrs.epsilon as number } });

/** Normalisations. */
export const NORMALIZATION: LoweringTable = {
  FusedBatchNorm,
  ChannelAffine,
  BatchNormTrain,
  LayerNorm,
  Softmax: (e, inputs) => e.op('Softmax', inputs, { axis: -1 }),
  LogSoftmax: (e, inputs) => e.op('LogSoftmax', inputs, { axis: -1 }),
};
