import type { HloBuilder } from './operations.js';
import { list } from './operations.js';
import type { ElementType, HloValue } from './types.js';

/** How exactly float32 operands are multiplied, where the device has a choice. */
export type ProductPrecision = 'DEFAULT' | 'HIGH' | 'HIGHEST';

/** Axes of two operands that belong together. */
interface Pairs {
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** A product of two tensors. */
export interface DotOptions {
  /** Axes that are summed over. */
  readonly contracting: Pairs;
  /** Axes that both have, and the result first of all. */
  readonly batching?: Pairs;
  readonly precision: ProductPrecision;
  /** Of the result and the sums. Default: that of the operands. */
  readonly elementType?: ElementType;
}

const free = (x: HloValue, ...taken: readonly (readonly number[])[]) =>
  x.shape.filter((_, axis) => !taken.some((axes) => axes.includes(axis)));

/** Sums of products: axes of the result are the batching ones, then those left over of each operand. */
export function dot(
  b: HloBuilder,
  left: HloValue,
  right: HloValue,
  { contracting, batching = { left: [], right: [] }, precision, elementType = left.elementType }: DotOptions,
): HloValue {
  const shape = [
    ...batching.left.map((axis) => left.shape[axis]!),
    ...free(left, batching.left, contracting.left),
    ...free(right, batching.right, contracting.right),
  ];
  const parts = [
    `stablehlo.dot_general ${left.name}, ${right.name}`,
    ...(batching.left.length > 0 ? [`batching_dims = ${list(batching.left)} x ${list(batching.right)}`] : []),
    `contracting_dims = ${list(contracting.left)} x ${list(contracting.right)}`,
    `precision = [${precision}, ${precision}]`,
  ];
  return b.emit({ text: parts.join(', '), types: 'signature', operands: [left, right] }, { shape, elementType });
}

/**
 * Where the axes of a convolution are, as letters: of the image `b` (batch), `f` (features), of the filter `i` and `o` (in and
 * out), and `0`, `1` for the axes that the window slides over: `['b01f', '01io', 'b01f']`.
 */
export type ConvolutionAxes = readonly [image: string, filter: string, result: string];

/** A convolution's window and groups. */
export interface ConvolutionOptions {
  readonly axes: ConvolutionAxes;
  readonly strides: readonly number[];
  /** Before and after each axis; negative counts cut. */
  readonly padding: readonly (readonly [number, number])[];
  /** Steps between the image's cells. */
  readonly imageDilations?: readonly number[];
  /** Steps between the filter's cells. */
  readonly filterDilations?: readonly number[];
  readonly featureGroups?: number;
  readonly batchGroups?: number;
  readonly precision: ProductPrecision;
}

const letters = (text: string) => list([...text]);

/** A convolution over two axes. */
export function convolve(b: HloBuilder, image: HloValue, filter: HloValue, options: ConvolutionOptions): HloValue {
  const { axes, strides, padding, featureGroups = 1, batchGroups = 1, precision } = options;
  const { imageDilations = [1, 1], filterDilations = [1, 1] } = options;
  const [imageAxes, filterAxes, resultAxes] = axes;
  const sizeAt = (x: HloValue, text: string, letter: string) => x.shape[text.indexOf(letter)]!;
  const spread = (length: number, dilation: number) => (length === 0 ? 0 : (length - 1) * dilation + 1);
  const sides = [0, 1].map((i) => {
    const cells = spread(sizeAt(image, imageAxes, `${i}`), imageDilations[i]!) + padding[i]![0] + padding[i]![1];
    const room = cells - spread(sizeAt(filter, filterAxes, `${i}`), filterDilations[i]!);
    return room < 0 ? 0 : Math.floor(room / strides[i]!) + 1;
  });
  const sizes: Readonly<Record<string, number>> = {
    b: sizeAt(image, imageAxes, 'b') / batchGroups,
    f: sizeAt(filter, filterAxes, 'o'),
    0: sides[0]!,
    1: sides[1]!,
  };
  const shape = [...resultAxes].map((letter) => sizes[letter]!);
  const window = [
    `stride = ${list(strides)}`,
    `pad = ${list(padding.map(list))}`,
    `lhs_dilate = ${list(imageDilations)}`,
    `rhs_dilate = ${list(filterDilations)}`,
    'reverse = [false, false]',
  ];
  const attributes = [
    `batch_group_count = ${batchGroups} : i64`,
    `feature_group_count = ${featureGroups} : i64`,
    `precision_config = [#stablehlo<precision ${precision}>, #stablehlo<precision ${precision}>]`,
  ];
  const text =
    `stablehlo.convolution(${image.name}, ${filter.name}) dim_numbers = ` +
    `${letters(imageAxes)}x${letters(filterAxes)}->${letters(resultAxes)}, ` +
    `window = {${window.join(', ')}} {${attributes.join(', ')}}`;
  return b.emit({ text, types: 'signature', operands: [image, filter] }, { shape, elementType: image.elementType });
}
