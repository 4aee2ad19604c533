import { ConfigError, type RgbImage } from '@diptych/core';
import type { Size } from './step.js';

/** Height and width of one number (a square) or of [height, width]. */
export type SizeArgument = number | readonly [height: number, width: number];

/**
 * Reads a size argument.
 *
 * @throws ConfigError unless both are positive integers
 */
export function sizeOf(size: SizeArgument, where: string): Size {
  const [height, width] = (typeof size === 'number' ? [size, size] : Array.isArray(size) ? size : []) as [
    number,
    number,
  ];
  const isSize = (value: unknown) => Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 24;
  if (!isSize(height) || !isSize(width) || (typeof size !== 'number' && size.length !== 2)) {
    throw new ConfigError({
      where,
      expected: 'a size in pixels: a positive integer or [height, width]',
      got: JSON.stringify(size) ?? String(size),
    });
  }
  return { height, width };
}

/**
 * Checks a picture of bytes.
 *
 * @throws ConfigError unless it has width, height and their bytes, three a pixel
 */
export function checkPicture(where: string, image: RgbImage): void {
  const { data, width, height } = (image ?? {}) as Partial<RgbImage>;
  if (ArrayBuffer.isView(data) && data.length === width! * height! * 3) return;
  throw new ConfigError({
    where,
    expected: 'a picture { data, width, height } of three bytes a pixel',
    got: ArrayBuffer.isView(data) ? `${data.length} bytes for ${width}x${height}` : String(image),
    remedy: 'decodeImage() makes one of a file',
  });
}

/**
 * Checks a number's range.
 *
 * @throws ConfigError if it is outside [low, high] or not finite
 */
export function checkRange(where: string, name: string, value: number, low: number, high: number): number {
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw new ConfigError({ where, expected: `${name} from ${low} to ${high}`, got: String(value) });
}

/**
 * Checks that a value is one of a few names.
 *
 * @throws ConfigError otherwise
 */
export function checkName<T extends string>(where: string, name: string, value: string, names: readonly T[]): T {
  if ((names as readonly string[]).includes(value)) return value as T;
  throw new ConfigError({ where, expected: `${name} to be one of ${names.join(', ')}`, got: JSON.stringify(value) });
}
