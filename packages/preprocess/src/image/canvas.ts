import type { RgbImage } from '@diptych/core';
import type { Size } from './step.js';

/** A one-colour canvas with a picture on it at row `top`, column `left`; what lies outside is cut off. */
export function placeOn(
  { height, width }: Size,
  color: readonly [number, number, number],
  image: RgbImage,
  top: number,
  left: number,
): RgbImage {
  const data = new Uint8Array(height * width * 3);
  fill(data, color);
  const firstColumn = Math.max(0, left);
  const lastColumn = Math.min(width, left + image.width);
  const lastRow = Math.min(height, top + image.height);
  if (lastColumn > firstColumn) {
    for (let row = Math.max(0, top); row < lastRow; row++) {
      const from = ((row - top) * image.width + firstColumn - left) * 3;
      data.set(image.data.subarray(from, from + (lastColumn - firstColumn) * 3), (row * width + firstColumn) * 3);
    }
  }
  return { data, height, width };
}

function fill(data: Uint8Array, [red, green, blue]: readonly [number, number, number]): void {
  if (red === green && green === blue) {
    if (red !== 0) data.fill(red);
    return;
  }
  for (let i = 0; i < data.length; i += 3) {
    data[i] = red;
    data[i + 1] = green;
    data[i + 2] = blue;
  }
}
