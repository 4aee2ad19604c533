import type { Node } from '@diptych/graph';
import { type HloValue, reduce, reduceTogether, sort } from '../stablehlo/index.js';
import type { Emitter, Lowering, LoweringTable } from './emitter.js';
import { inFloat32 } from './precision.js';

const axesOf = ({ attrs }: Node) => attrs.axes as readonly number[];

/** Number of elements that each result is made of. */
const countOf = (node: Node) => axesOf(node).reduce((count, axis) => count * node.inputs[0]!.shape[axis]!, 1);

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** Folds the node's axes; the reshape puts axes of one element where they are kept. */
const folding = (fold: (e: Emitter, x: HloValue, axes: readonly number[], node: Node) => HloValue): Lowering =>
  inFloat32((e, [x], node) => e.reshape(fold(e, x!, axesOf(node), node), node.outputs[0]!.shape));

const sum = (e: Emitter, x: HloValue, axes: readonly number[]) => reduce(e, 'add', x, axes, 0);

/** NaN as soon as there is one. Of no numbers, what tfjs finds in no memory: NaN, which is 0 for whole numbers. */
const extreme = (operation: 'maximum' | 'minimum'): Lowering =>
  folding((e, x, axes, node) => {
    const isMaximum = operation === 'maximum';
    const start = isMaximum ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    const first = x.elementType === 'i32' ? (isMaximum ? INT32_MIN : INT32_MAX) : start;
    const folded = reduce(e, operation, x, axes, first);
    return countOf(node) === 0 ? e.like(folded, Number.NaN) : folded;
  });

/**
 * The first place of an extreme. NaN is none, unless it comes first: tfjs starts with the first element, and nothing is more
 * than NaN.
 */
const arg = (direction: 'GT' | 'LT'): Lowering =>
  inFloat32((e, [given], { attrs, outputs }) => {
    const axis = attrs.axis as number;
    const worst = direction === 'GT' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    const isWhole = given!.elementType === 'i32';
    const least = isWhole ? (direction === 'GT' ? INT32_MIN : INT32_MAX) : worst;
    const places = e.iota(given!.shape, axis);
    let x = given!;
    if (!isWhole) {
      const isFirst = e.compare('EQ', places, e.like(places, 0));
      const instead = e.select(isFirst, e.like(x, -worst), e.like(x, worst));
      x = e.select(e.compare('NE', x, x), instead, x);
    }
    const initial = [e.scalar(least, x.elementType), e.scalar(INT32_MAX, 'i32')];
    const [, found] = reduceTogether(e, [x, places], initial, [axis], ([a, i], [b, j]) => {
      const isBetter = e.compare(direction, a!, b!);
      const comesFirst = e.and(e.compare('EQ', a!, b!), e.compare('LT', i!, j!));
      return [e.select(isBetter, a!, b!), e.select(e.or(isBetter, comesFirst), i!, j!)];
    });
    return e.reshape(found!, outputs[0]!.shape);
  });

/** Moved by `count` places along an axis, zeros after it. */
function shifted(e: Emitter, x: HloValue, axis: number, count: number): HloValue {
  const at = (value: number) => x.shape.map((_, i) => (i === axis ? value : 0));
  return e.pad(x, { low: at(count), high: at(-count) });
}

/** Sums up to each place, in as many steps as the length has binary digits (Hillis and Steele 1986). */
const Cumsum: Lowering = inFloat32((e, [x], { attrs }) => {
  const axis = attrs.axis as number;
  const sign = attrs.reverse ? -1 : 1;
  const length = x!.shape[axis]!;
  let sums = attrs.exclusive ? shifted(e, x!, axis, sign) : x!;
  for (let step = 1; step < length; step *= 2) sums = e.add(sums, shifted(e, sums, axis, sign * step));
  return sums;
});

/** The `k` largest along the last axis, the first of equal ones first. */
const TopK: Lowering = inFloat32((e, [x], { attrs }) => {
  const last = x!.rank - 1;
  const k = attrs.k as number;
  return sort(e, [x!, e.iota(x!.shape, last)], last, 'GT').map((sorted) => e.sliceAxis(sorted, last, 0, k));
});

const sumOfSquares = (e: Emitter, x: HloValue) => sum(e, e.multiply(x, x), [...x.shape.keys()]);

/** Kernels that fold or scan axes. Sums are float32 whatever they are of. */
export const REDUCTION: LoweringTable = {
  Sum: folding(sum),
  // Of no numbers, 0.
  Mean: folding((e, x, axes, node) => {
    const total = sum(e, x, axes);
    return e.divide(total, e.like(total, Math.max(countOf(node), 1)));
  }),
  Prod: folding((e, x, axes) => reduce(e, 'multiply', x, axes, 1)),
  Max: extreme('maximum'),
  Min: extreme('minimum'),
  All: folding((e, x, axes) => reduce(e, 'and', x, axes, 1)),
  Any: folding((e, x, axes) => reduce(e, 'or', x, axes, 0)),
  SumOfSquares: inFloat32((e, [x], { outputs }) => e.reshape(sumOfSquares(e, x!), outputs[0]!.shape)),
  SumsOfSquares: inFloat32((e, inputs) =>
    e.concatenate(
      inputs.map((x) => e.reshape(sumOfSquares(e, x), [1])),
      0,
    ),
  ),
  ArgMax: arg('GT'),
  ArgMin: arg('LT'),
  Cumsum,
  TopK,
};
