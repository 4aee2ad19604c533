import type { Lowering, LoweringTable } from './emitter.js';

/**
 * Rows whose id is out of range are dropped, as in tfjs: they add zero to row 0.
 *
 * Not ScatterND: with two threads, replays of one embedding gradient differ where ids repeat (onnxruntime-node 1.30.0), by
 * up to a third of its largest entry; with one thread they are equal. ScatterElements gives the same bits each time.
 */
const UnsortedSegmentSum: Lowering = (e, [x, ids], { inputs, outputs }) => {
  const { shape } = outputs[0]!;
  const rows = inputs[1]!.shape[0]!;
  const known = e.op('And', [
    e.op('GreaterOrEqual', [ids!, e.scalar(0, 'int32')]),
    e.op('Less', [ids!, e.scalar(shape[0]!, 'int32')]),
  ]);
  const column = [rows, ...inputs[0]!.shape.slice(1).map(() => 1)];
  const row = e.reshape(e.op('Where', [known, ids!, e.scalar(0, 'int32')]), column);
  const mask = e.reshape(known, column);
  const summand = e.op('Where', [mask, x!, e.scalar(0)]);
  const zeros = e.expand(e.scalar(0), shape);
  const places = e.expand(row, inputs[0]!.shape);
  return e.op('ScatterElements', [zeros, places, summand], { axis: 0, reduction: 'add' });
};

/** A comparison with 0 … depth-1: ids out of range give a row of `offValue`, which ONNX's OneHot would wrap around. */
const OneHot: Lowering = (e, [indices], { attrs, inputs, outputs }) => {
  const depth = attrs.depth as number;
  const { dtype } = outputs[0]!;
  const column = e.reshape(indices!, [...inputs[0]!.shape, 1]);
  const hot = e.op('Equal', [
    column,
    e.constant(
      Int32Array.from({ length: depth }, (_, i) => i),
      [depth],
      'int32',
    ),
  ]);
  const [on, off] = [attrs.onValue as number, attrs.offValue as number];
  if (dtype === 'bool') return on ? hot : e.op('Not', [hot]);
  return e.op('Where', [hot, e.scalar(on, dtype), e.scalar(off, dtype)]);
};

/** Kernels that look elements up or put them in place by index. */
export const INDEXING: LoweringTable = {
  GatherV2: (e, [x, indices], { attrs }) => e.op('Gather', [x!, indices!], { axis: attrs.axis as number }),
  GatherNd: (e, [params, indices]) => e.op('GatherND', [params!, e.cast(indices!, 'int64')]),
  UnsortedSegmentSum,
  OneHot,
};
