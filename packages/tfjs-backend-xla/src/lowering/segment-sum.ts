import { sizeOf } from '@diptych/graph';
import { dot, type HloValue, scatterAddRows, sort, take } from '../stablehlo/index.js';
import type { Emitter } from './emitter.js';

/** Tables of at most this many rows are summed by a product: sorting would take longer. */
const FEW_SEGMENTS = 1024;

/**
 * Sums rows of `x` by their ids into `[numSegments, …]`: the gradient of an embedding. Ids out of range are passed over.
 *
 * On CPUs rows are scattered one after the other. Scattering on a GPU is a race of atomic additions, whose sums differ from run to
 * run and are slow where ids repeat, as in text they do; there small tables are summed by a product with one-hot rows, large
 * ones after sorting.
 *
 * @param x float32 [n, …]
 * @param ids int32 [n]
 */
export function segmentSum(e: Emitter, x: HloValue, ids: HloValue, shape: readonly number[]): HloValue {
  const [segments, ...rest] = shape as [number, ...number[]];
  const count = ids.shape[0]!;
  const width = sizeOf(rest);
  if (count * width * segments === 0) return e.fill(0, { shape, elementType: 'f32' });
  const rows = e.reshape(x, [count, width]);
  const sums =
    e.target.platform === 'cpu'
      ? scatterAddRows(
          e,
          e.fill(0, { shape: [segments, width], elementType: 'f32' }),
          e.reshape(known(e, ids, segments), [count, 1]),
          rows,
        )
      : segments <= FEW_SEGMENTS
        ? byProduct(e, rows, ids, segments)
        : bySorting(e, rows, known(e, ids, segments), segments);
  return e.reshape(sums, shape);
}

/** Ids out of range become one past the last segment. */
function known(e: Emitter, ids: HloValue, segments: number): HloValue {
  const isNegative = e.compare('LT', ids, e.like(ids, 0));
  return e.minimum(e.select(isNegative, e.like(ids, segments), ids), e.like(ids, segments));
}

/** [segments, n] of ones and zeros, times x; the compiler need not write it to memory. */
function byProduct(e: Emitter, rows: HloValue, ids: HloValue, segments: number): HloValue {
  const shape = [segments, ids.shape[0]!];
  const isOwn = e.compare('EQ', e.iota(shape, 0), e.broadcastInDim(ids, shape, [1]));
  const left = e.convert(isOwn, rows.elementType);
  return dot(e, left, rows, { contracting: { left: [1], right: [0] }, precision: 'HIGHEST', elementType: 'f32' });
}

/**
 * Rows in the order of their ids, summed within each run of equal ids in as many steps as n has binary digits; the last row of a run is
 * its segment's sum, and each segment looks it up. The same bits at each run.
 */
function bySorting(e: Emitter, rows: HloValue, ids: HloValue, segments: number): HloValue {
  const [count, width] = rows.shape as [number, number];
  const [sorted, order] = sort(e, [ids, e.iota([count], 0)], 0, 'LT') as [HloValue, HloValue];
  let sums = take(e, rows, order, 0);
  for (let step = 1; step < count; step *= 2) {
    const before = e.pad(sums, { low: [step, 0], high: [-step, 0] });
    const idBefore = e.pad(sorted, { low: [step], high: [-step] }, e.scalar(-1, 'i32'));
    const isSame = e.broadcastInDim(e.compare('EQ', sorted, idBefore), [count, width], [0]);
    sums = e.add(sums, e.select(isSame, before, e.like(before, 0)));
  }
  const last = lastPlaces(e, sorted, segments);
  const found = take(e, sums, last, 0);
  const isThere = e.compare('EQ', take(e, sorted, last, 0), e.iota([segments], 0));
  return e.select(e.broadcastInDim(isThere, [segments, width], [0]), found, e.like(found, 0));
}

/** For each segment the last place in a sorted list that is not above it, by halving: [segments]; -1 where there is none. */
function lastPlaces(e: Emitter, sorted: HloValue, segments: number): HloValue {
  const count = sorted.shape[0]!;
  const wanted = e.iota([segments], 0);
  let found = e.like(wanted, -1);
  let step = 1;
  while (step * 2 <= count) step *= 2;
  for (; step >= 1; step /= 2) {
    const next = e.add(found, e.like(found, step));
    const isInside = e.compare('LT', next, e.like(next, count));
    const isNotAbove = e.compare('LE', take(e, sorted, next, 0), wanted);
    found = e.select(e.and(isInside, isNotAbove), next, found);
  }
  return found;
}
