import { ConfigError } from '@diptych/core';

/** A colour: `'white'`, `'black'`, one grey level, or red, green and blue, 0 to 255 each. */
export type Color = 'white' | 'black' | number | readonly [number, number, number];

/**
 * Red, green and blue of a colour.
 *
 * @throws ConfigError for another name, or a value that is not an integer from 0 to 255
 */
export function rgbOf(color: Color, where: string): [number, number, number] {
  const rgb = color === 'white' ? 255 : color === 'black' ? 0 : color;
  const [red, green, blue] = typeof rgb === 'number' ? [rgb, rgb, rgb] : rgb;
  const valid = [red, green, blue].every((value) => Number.isInteger(value) && value >= 0 && value <= 255);
  if (!valid || (typeof rgb !== 'number' && rgb.length !== 3)) {
    throw new ConfigError({
      where,
      expected: "a colour: 'white', 'black', a level or [red, green, blue] of integers from 0 to 255",
      got: JSON.stringify(color),
    });
  }
  return [red, green, blue];
}
