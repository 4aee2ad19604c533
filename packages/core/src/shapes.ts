import { ShapeError } from './errors.js';

/** One expected dimension: a size, or a letter that stands for any size (the same letter, the same size). */
export type Dimension = number | string;

/** Anything that has a shape and a dtype: a tensor, a variable, a description of one. */
export interface Shaped {
  readonly shape: readonly number[];
  readonly dtype?: string;
}

/**
 * Checks a shape against a pattern such as `['B', 224, 224, 3]`.
 *
 * @param where the place that the error names, e.g. `vision.resnet50`
 * @param what the argument's name, e.g. `pixels`
 * @param expected sizes, or letters that match any size; a letter used twice must match twice
 * @returns the sizes that the letters stand for
 * @throws ShapeError if rank or sizes differ
 */
export function checkShape(
  where: string,
  what: string,
  value: Shaped,
  expected: readonly Dimension[],
  remedy?: string,
): Record<string, number> {
  checkShaped(where, what, value);
  const bound: Record<string, number> = {};
  const matches =
    value.shape.length === expected.length &&
    expected.every((dimension, axis) => {
      const size = value.shape[axis]!;
      if (typeof dimension === 'number') return dimension === size;
      bound[dimension] ??= size;
      return bound[dimension] === size;
    });
  if (!matches) {
    throw new ShapeError({
      where,
      expected: `${what} of shape ${formatShape(expected)}`,
      got: formatShape(value.shape),
      remedy: remedy ?? channelsHint(value.shape, expected),
    });
  }
  return bound;
}

/**
 * Checks a dtype.
 *
 * @throws ShapeError if it differs
 */
export function checkDtype(where: string, what: string, value: Shaped, expected: string): void {
  checkShaped(where, what, value);
  if (value.dtype === expected) return;
  throw new ShapeError({
    where,
    expected: `${what} of dtype ${expected}`,
    got: String(value.dtype),
    remedy: `cast it: tf.cast(${what}, '${expected}')`,
  });
}

function checkShaped(where: string, what: string, value: Shaped | null | undefined): void {
  if (Array.isArray(value?.shape)) return;
  throw new ShapeError({
    where,
    expected: `${what} to be a tensor`,
    got: value === null ? 'null' : typeof value,
    remedy: `pass ${what}`,
  });
}

/** `[B,224,224,3]`. */
export function formatShape(shape: readonly Dimension[]): string {
  return `[${shape.join(',')}]`;
}

function channelsHint(got: readonly number[], expected: readonly Dimension[]): string | undefined {
  const looksChannelsFirst =
    got.length === 4 && expected.length === 4 && expected[3] === got[1] && expected[3] !== got[3];
  return looksChannelsFirst ? 'channels come last in tfjs: transpose with tf.transpose(x, [0, 2, 3, 1])' : undefined;
}
