import { allGather, allReduce, type HloValue, replicaId } from '../stablehlo/index.js';
import type { Emitter, LoweringTable } from './emitter.js';
import { inFloat32 } from './precision.js';

/** This replica's number times `factor`, a scalar of int32. */
const offset = (e: Emitter, factor: number): HloValue => {
  const id = e.convert(
    e.shared('replicaId', () => replicaId(e)),
    'i32',
  );
  return e.multiply(id, e.like(id, factor));
};

/** What several replicas do together, in programs that `dataParallel` made. Sums are float32. */
export const COLLECTIVE: LoweringTable = {
  AllReduce: inFloat32((e, [x], { attrs }) => allReduce(e, x!, attrs.replicas as number, attrs.operation as string)),
  AllGather: (e, [x], { attrs }) => allGather(e, x!, attrs.replicas as number, attrs.axis as number),
  /** This replica's part of what all have. */
  ReplicaShare: (e, [x], { attrs, outputs }) => {
    const axis = attrs.axis as number;
    const { shape } = outputs[0]!;
    const zero = e.scalar(0, 'i32');
    return e.dynamicSlice(
      x!,
      x!.shape.map((_, i) => (i === axis ? offset(e, shape[axis]!) : zero)),
      shape,
    );
  },
  /** The state of random numbers (seed, step, rowOffset), its rows moved to where this replica's share begins. */
  ReplicaState: (e, [state], { attrs }) => {
    const rows = e.broadcastTo(offset(e, attrs.rows as number), [3]);
    const isOffset = e.compare('EQ', e.iota([3], 0), e.int32s([2, 2, 2]));
    return e.select(isOffset, e.add(state!, rows), state!);
  },
};
