import type { Builder } from '../builder.js';
import { sameShape, sizeOf, type Value } from '../value.js';

/**
 * Part of a tensor: of one axis, which is seen as [groups, length, inner], those from `begin` up to `end` along `length`.
 *
 * Token 0 of [batch, tokens, width] is a slice of axis 1 with one group and inner size 1; of the same tensor as a matrix
 * [batch * tokens, width] it is every tokens-th row, that is `batch` groups of axis 0. So a stripe stays one when its tensor
 * is reshaped. `end - begin` is always less than `length`.
 */
export interface Stripe {
  readonly axis: number;
  readonly groups: number;
  readonly length: number;
  readonly inner: number;
  readonly begin: number;
  readonly end: number;
}

/** The stripe of a plain slice; undefined where that is the whole axis. */
export function stripeOf(shape: readonly number[], axis: number, begin: number, end: number): Stripe | undefined {
  const length = shape[axis]!;
  return end - begin === length ? undefined : { axis, groups: 1, length, inner: 1, begin, end };
}

/** The shape of what is in the stripe. */
export function keptShape(shape: readonly number[], stripe: Stripe | undefined): readonly number[] {
  if (!stripe) return shape;
  const kept = shape.slice();
  kept[stripe.axis] = stripe.groups * (stripe.end - stripe.begin) * stripe.inner;
  return kept;
}

/** The part of a tensor that is in it, less than 1. */
export const fractionOf = ({ begin, end, length }: Stripe) => (end - begin) / length;

const alike = (a: Stripe, b: Stripe) =>
  a.axis === b.axis && a.groups === b.groups && a.length === b.length && a.inner === b.inner;

export const sameStripe = (a: Stripe | undefined, b: Stripe | undefined) =>
  a === b || (a !== undefined && b !== undefined && alike(a, b) && a.begin === b.begin && a.end === b.end);

const includes = (outer: Stripe, inner: Stripe) => outer.begin <= inner.begin && inner.end <= outer.end;

/** The least stripe with both in it; undefined where that is everything, or no stripe. */
export function hull(a: Stripe | undefined, b: Stripe | undefined): Stripe | undefined {
  if (!a || !b || !alike(a, b)) return undefined;
  const [begin, end] = [Math.min(a.begin, b.begin), Math.max(a.end, b.end)];
  return end - begin === a.length ? undefined : { ...a, begin, end };
}

/** What both have; undefined where that is nothing, or no stripe. */
export function meet(a: Stripe, b: Stripe): Stripe | undefined {
  if (!alike(a, b)) return undefined;
  const [begin, end] = [Math.max(a.begin, b.begin), Math.min(a.end, b.end)];
  return begin < end ? { ...a, begin, end } : undefined;
}

/** The same elements after a reshape, which leaves them where they are in memory; undefined where they are no stripe. */
export function reshaped(stripe: Stripe, from: readonly number[], to: readonly number[]): Stripe | undefined {
  const before = sizeOf(from.slice(0, stripe.axis)) * stripe.groups;
  const after = sizeOf(from.slice(stripe.axis + 1)) * stripe.inner;
  for (const [axis, size] of to.entries()) {
    const groups = before / sizeOf(to.slice(0, axis));
    const inner = after / sizeOf(to.slice(axis + 1));
    if (!Number.isInteger(groups) || !Number.isInteger(inner) || groups * stripe.length * inner !== size) continue;
    return { ...stripe, axis, groups, inner };
  }
  return undefined;
}

/** A value as it is computed: what is in the stripe; what is not is zero, or read by nobody. */
export interface Narrowed {
  readonly value: Value;
  readonly stripe: Stripe | undefined;
  /** Of the whole. */
  readonly shape: readonly number[];
}

/** The elements in `wanted`, or all. */
export function take(x: Narrowed, wanted: Stripe | undefined, b: Builder): Value {
  if (sameStripe(x.stripe, wanted)) return x.value;
  if (!x.stripe) return cut(x.value, wanted!, b);
  if (!wanted) return spread(x, b);
  if (!alike(x.stripe, wanted)) return cut(spread(x, b), wanted, b);
  const common = meet(x.stripe, wanted);
  if (!common) return b.fill(0, keptShape(x.shape, wanted), x.value.dtype);
  const { begin, end } = x.stripe;
  const within = { ...common, length: end - begin, begin: common.begin - begin, end: common.end - begin };
  const kept = includes(wanted, x.stripe) ? x.value : cut(x.value, within, b);
  if (sameStripe(common, wanted)) return kept;
  return pad(kept, common, [common.begin - wanted.begin, wanted.end - common.end], keptShape(x.shape, wanted), b);
}

/** The whole, zeros around what is in the stripe. */
function spread({ value, stripe, shape }: Narrowed, b: Builder): Value {
  return pad(value, stripe!, [stripe!.begin, stripe!.length - stripe!.end], shape, b);
}

function cut(x: Value, stripe: Stripe, b: Builder): Value {
  const { begin, end, length } = stripe;
  const open = unfolded(x.shape, stripe, length);
  const start = open.shape.map((_, i) => (i === open.axis ? begin : 0));
  const size = open.shape.map((dimension, i) => (i === open.axis ? end - begin : dimension));
  const slice = b.emit('Slice', [b.reshape(x, open.shape)], { begin: start, size }, size, x.dtype, ['x']);
  return b.reshape(slice, keptShape(x.shape, stripe));
}

function pad(x: Value, stripe: Stripe, around: readonly [number, number], shape: readonly number[], b: Builder): Value {
  const open = unfolded(x.shape, stripe, stripe.end - stripe.begin);
  const paddings = open.shape.map((_, i) => (i === open.axis ? around : [0, 0]));
  const padded = open.shape.map((dimension, i) => dimension + paddings[i]![0]! + paddings[i]![1]!);
  const attrs = { paddings, constantValue: 0 };
  return b.reshape(b.emit('PadV2', [b.reshape(x, open.shape)], attrs, padded, x.dtype, ['x']), shape);
}

/** Two narrowed values that lie side by side, joined: their sum, since each is zero where the other is not. */
export function joined(a: Narrowed, c: Narrowed, whole: Stripe | undefined, b: Builder): Value | undefined {
  if (!a.stripe || !c.stripe || !alike(a.stripe, c.stripe) || !sameShape(a.shape, c.shape)) return undefined;
  const [first, second] = a.stripe.begin < c.stripe.begin ? [a, c] : [c, a];
  const { begin } = first.stripe!;
  const { end, axis, length, groups, inner } = second.stripe!;
  const isWhole = whole ? alike(whole, a.stripe) && whole.begin === begin && whole.end === end : end - begin === length;
  if (first.stripe!.end !== second.stripe!.begin || !isWhole || groups * inner !== 1) return undefined;
  const partsOf = ({ value }: Narrowed) =>
    value.node?.op === 'Concat' && value.node.attrs.axis === axis ? value.node.inputs : [value];
  const parts = [...partsOf(first), ...partsOf(second)];
  const shape = keptShape(a.shape, whole);
  return b.emit(
    'Concat',
    parts,
    { axis },
    shape,
    a.value.dtype,
    parts.map((_, i) => String(i)),
  );
}

/** A shape with the stripe's axis as groups, `length`, inner, those of size one left out. */
function unfolded(shape: readonly number[], { axis, groups, inner }: Stripe, length: number) {
  const parts = [...(groups > 1 ? [groups] : []), length, ...(inner > 1 ? [inner] : [])];
  return {
    shape: [...shape.slice(0, axis), ...parts, ...shape.slice(axis + 1)],
    axis: groups > 1 ? axis + 1 : axis,
  };
}
