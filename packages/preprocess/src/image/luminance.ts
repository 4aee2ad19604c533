import type { RgbImage } from '@diptych/core';

/** PIL's `convert('L')`: ITU-R 601 luma in 16-bit fixed point, one byte a pixel. */
export function luminance({ data }: RgbImage): Uint8Array {
  const grey = new Uint8Array(data.length / 3);
  for (let i = 0, from = 0; i < grey.length; i++, from += 3) {
    grey[i] = (data[from]! * 19595 + data[from + 1]! * 38470 + data[from + 2]! * 7471 + 0x8000) >> 16;
  }
  return grey;
}
