import { HloFunction } from './function.js';
import type { Elements } from './literals.js';
import { type ElementType, type HloValue, isFloat, isUnsigned, type TensorType } from './types.js';

/** How two values are compared. */
export type Comparison = 'EQ' | 'NE' | 'GE' | 'GT' | 'LE' | 'LT';

/** Elements to add at both ends of each axis and between its elements; negative ends cut. */
export interface Padding {
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior?: readonly number[];
}

/** `array<i64: 1, 2>` */
export const int64Array = (values: readonly number[]) =>
  values.length > 0 ? `array<i64: ${values.join(', ')}>` : 'array<i64>';

/** `[1, 2]` */
export const list = (values: readonly (number | boolean | string)[]) => `[${values.join(', ')}]`;

/** A function under construction, with the operations of StableHLO that compute and move elements. */
export class HloBuilder extends HloFunction {
  /** A constant scalar. */
  scalar(value: number | bigint, elementType: ElementType = 'f32'): HloValue {
    return this.fill(value, { shape: [], elementType });
  }

  /** A constant like `x` of equal elements. */
  like(x: TensorType, value: number | bigint): HloValue {
    return this.fill(value, { shape: x.shape, elementType: x.elementType });
  }

  /** A constant list of int32. */
  int32s(elements: Elements, shape: readonly number[] = [elements.length]): HloValue {
    return this.constant(elements, { shape, elementType: 'i32' });
  }

  /** Operations by their names in StableHLO: `negate`, `exponential`, `logistic`, … */
  unary(operation: string, x: HloValue): HloValue {
    return this.elementwise(operation, [x]);
  }

  /** Functions of CHLO, which compilers expand: `erf`, `asin`, `sinh`, … */
  special(operation: string, x: HloValue): HloValue {
    return this.generic(`chlo.${operation}`, [x], [x])[0]!;
  }

  /** Operations by their names in StableHLO, of two operands of one type: `power`, `remainder`, `shift_left`, … */
  binary(operation: string, a: HloValue, b: HloValue): HloValue {
    return this.elementwise(operation, [a, b]);
  }

  add(a: HloValue, b: HloValue): HloValue {
    return this.binary('add', a, b);
  }

  subtract(a: HloValue, b: HloValue): HloValue {
    return this.binary('subtract', a, b);
  }

  multiply(a: HloValue, b: HloValue): HloValue {
    return this.binary('multiply', a, b);
  }

  divide(a: HloValue, b: HloValue): HloValue {
    return this.binary('divide', a, b);
  }

  /** NaN where either is. */
  maximum(a: HloValue, b: HloValue): HloValue {
    return this.binary('maximum', a, b);
  }

  /** NaN where either is. */
  minimum(a: HloValue, b: HloValue): HloValue {
    return this.binary('minimum', a, b);
  }

  /** Logical for i1, bitwise for integers. */
  and(a: HloValue, b: HloValue): HloValue {
    return this.binary('and', a, b);
  }

  or(a: HloValue, b: HloValue): HloValue {
    return this.binary('or', a, b);
  }

  not(x: HloValue): HloValue {
    return this.unary('not', x);
  }

  /** i1 of two operands of one type. */
  compare(direction: Comparison, a: HloValue, b: HloValue): HloValue {
    const { elementType } = a;
    const kind = isFloat(elementType)
      ? 'FLOAT'
      : isUnsigned(elementType) || elementType === 'i1'
        ? 'UNSIGNED'
        : 'SIGNED';
    const text = `stablehlo.compare ${direction}, ${a.name}, ${b.name}, ${kind}`;
    return this.emit({ text, types: 'signature', operands: [a, b] }, { shape: a.shape, elementType: 'i1' });
  }

  /** i1: false for NaN and infinities. */
  isFinite(x: HloValue): HloValue {
    const text = `stablehlo.is_finite ${x.name}`;
    return this.emit({ text, types: 'signature', operands: [x] }, { shape: x.shape, elementType: 'i1' });
  }

  /** `condition ? t : f`; the condition has their shape, or is a scalar. */
  select(condition: HloValue, t: HloValue, f: HloValue): HloValue {
    return this.generic('stablehlo.select', [condition, t, f], [t])[0]!;
  }

  /** The same numbers in another type: floats to integers are truncated, to i1 compared with zero. */
  convert(x: HloValue, elementType: ElementType): HloValue {
    if (x.elementType === elementType) return x;
    const text = `stablehlo.convert ${x.name}`;
    return this.emit({ text, types: 'signature', operands: [x] }, { shape: x.shape, elementType });
  }

  /** The same bits in another type of the same width. */
  bitcast(x: HloValue, elementType: ElementType): HloValue {
    return this.generic('stablehlo.bitcast_convert', [x], [{ shape: x.shape, elementType }])[0]!;
  }

  /** 0, 1, 2, … along one axis. */
  iota(shape: readonly number[], axis: number, elementType: ElementType = 'i32'): HloValue {
    return this.emit({ text: `stablehlo.iota dim = ${axis}`, types: 'result', operands: [] }, { shape, elementType });
  }

  reshape(x: HloValue, shape: readonly number[]): HloValue {
    if (sameList(x.shape, shape)) return x;
    const text = `stablehlo.reshape ${x.name}`;
    return this.emit({ text, types: 'signature', operands: [x] }, { shape, elementType: x.elementType });
  }

  /** Axis i of the result is axis `axes[i]` of x. */
  transpose(x: HloValue, axes: readonly number[]): HloValue {
    if (axes.every((axis, i) => axis === i)) return x;
    const shape = axes.map((axis) => x.shape[axis]!);
    const text = `stablehlo.transpose ${x.name}, dims = ${list(axes)}`;
    return this.emit({ text, types: 'signature', operands: [x] }, { shape, elementType: x.elementType });
  }

  /** Axis i of x becomes axis `axes[i]` of the result; what is not named, or has one element, is repeated. */
  broadcastInDim(x: HloValue, shape: readonly number[], axes: readonly number[]): HloValue {
    const text = `stablehlo.broadcast_in_dim ${x.name}, dims = ${list(axes)}`;
    return this.emit({ text, types: 'signature', operands: [x] }, { shape, elementType: x.elementType });
  }

  /** As NumPy broadcasts: axes are aligned at their end. */
  broadcastTo(x: HloValue, shape: readonly number[]): HloValue {
    if (sameList(x.shape, shape)) return x;
    return this.broadcastInDim(
      x,
      shape,
      x.shape.map((_, i) => shape.length - x.rank + i),
    );
  }

  /** `x[begin:end:stride]` on each axis; `end` is exclusive. */
  slice(x: HloValue, begin: readonly number[], end: readonly number[], strides = x.shape.map(() => 1)): HloValue {
    if (begin.every((at, i) => at === 0 && end[i] === x.shape[i] && strides[i] === 1)) return x;
    const shape = begin.map((at, i) => Math.max(0, Math.ceil((end[i]! - at) / strides[i]!)));
    const ranges = begin.map((at, i) => `${at}:${end[i]}${strides[i] === 1 ? '' : `:${strides[i]}`}`);
    const text = `stablehlo.slice ${x.name} ${list(ranges)}`;
    return this.emit({ text, types: 'signature', operands: [x] }, { shape, elementType: x.elementType });
  }

  /** `x[begin:end]` on one axis. */
  sliceAxis(x: HloValue, axis: number, begin: number, end: number): HloValue {
    return this.slice(
      x,
      x.shape.map((_, i) => (i === axis ? begin : 0)),
      x.shape.map((dimension, i) => (i === axis ? end : dimension)),
    );
  }

  /** A part of x of a size that is known, from a place that is not: scalars, one an axis. */
  dynamicSlice(x: HloValue, begin: readonly HloValue[], shape: readonly number[]): HloValue {
    const attributes = [`slice_sizes = ${int64Array(shape)}`];
    return this.generic(
      'stablehlo.dynamic_slice',
      [x, ...begin],
      [{ shape, elementType: x.elementType }],
      attributes,
    )[0]!;
  }

  pad(
    x: HloValue,
    { low, high, interior = x.shape.map(() => 0) }: Padding,
    value = this.scalar(0, x.elementType),
  ): HloValue {
    if ([...low, ...high, ...interior].every((count) => count === 0)) return x;
    const shape = x.shape.map(
      (dimension, i) => low[i]! + high[i]! + dimension + Math.max(0, dimension - 1) * interior[i]!,
    );
    const text = `stablehlo.pad ${x.name}, ${value.name}, low = ${list(low)}, high = ${list(high)}, interior = ${list(interior)}`;
    return this.emit({ text, types: 'signature', operands: [x, value] }, { shape, elementType: x.elementType });
  }

  reverse(x: HloValue, axes: readonly number[]): HloValue {
    if (axes.length === 0) return x;
    return this.emit({ text: `stablehlo.reverse ${x.name}, dims = ${list(axes)}`, types: 'same', operands: [x] }, x);
  }

  concatenate(parts: readonly HloValue[], axis: number): HloValue {
    if (parts.length === 1) return parts[0]!;
    const length = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
    const shape = parts[0]!.shape.map((dimension, i) => (i === axis ? length : dimension));
    const text = `stablehlo.concatenate ${parts.map(({ name }) => name).join(', ')}, dim = ${axis}`;
    return this.emit({ text, types: 'signature', operands: parts }, { shape, elementType: parts[0]!.elementType });
  }
}

const sameList = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((x, i) => x === b[i]);
