import type { RgbImage } from '@diptych/core';

/** Gradients with some noise, from integers only: the same picture as in reference/gen_preprocess_fixtures.py. */
export function picture(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const state = Math.imul(x, 73856093) ^ Math.imul(y, 19349663) ^ Math.imul(c, 83492791);
        data[at++] = ((x * 5 + y * 3 + c * 40) % 210) + (Math.imul(state, 2654435761) >>> 27);
      }
    }
  }
  return { data, width, height };
}
