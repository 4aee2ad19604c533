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

/** Normalisations. */
export const NORMALIZATION: LoweringTable = {
  FusedBatchNorm,
  Softmax: (e, inputs) => e.op('Softmax', inputs, { axis: -1 }),
  LogSoftmax: (e, inputs) => e.op('LogSoftmax', inputs, { axis: -1 }),
};
