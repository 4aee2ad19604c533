import type { RgbImage } from '@diptych/core';
import { checkPicture } from './check.js';
import { luminance } from './luminance.js';

/*
 * PIL's `ImageEnhance`, byte for byte: a picture is blended with a degenerate version of itself. Factor 0 gives the
 * degenerate one, 1 the original, more than 1 goes beyond it.
 */

/** Blends with black. */
export function adjustBrightness(image: RgbImage, factor: number): RgbImage {
  checkPicture('preprocess.adjustBrightness', image);
  return blend(image, factor, () => 0);
}

/** Blends with the mean grey of the picture. */
export function adjustContrast(image: RgbImage, factor: number): RgbImage {
  checkPicture('preprocess.adjustContrast', image);
  const grey = luminance(image);
  let sum = 0;
  for (const value of grey) sum += value;
  const mean = Math.trunc(sum / grey.length + 0.5);
  return blend(image, factor, () => mean);
}

/** Blends with the grey version of the picture. */
export function adjustSaturation(image: RgbImage, factor: number): RgbImage {
  checkPicture('preprocess.adjustSaturation', image);
  const grey = luminance(image);
  return blend(image, factor, (index) => grey[Math.trunc(index / 3)]!);
}

/** Blends with a smoothed version (PIL's `SMOOTH` kernel: 5 in the middle, 1 around; edge pixels stay). */
export function adjustSharpness(image: RgbImage, factor: number): RgbImage {
  checkPicture('preprocess.adjustSharpness', image);
  const smooth = smoothed(image);
  return blend(image, factor, (index) => smooth[index]!);
}

/** PIL's `Image.blend` in float32; bytes are truncated, and clipped where the factor is beyond 1. */
function blend(image: RgbImage, factor: number, degenerate: (index: number) => number): RgbImage {
  if (factor === 1) return image;
  const alpha = Math.fround(factor);
  const data = new Uint8Array(image.data.length);
  for (let i = 0; i < data.length; i++) {
    const from = degenerate(i);
    const value = Math.fround(from + Math.fround(alpha * (image.data[i]! - from)));
    data[i] = Math.max(0, Math.min(255, value));
  }
  return { data, height: image.height, width: image.width };
}

function smoothed({ data, height, width }: RgbImage): Uint8Array {
  const smooth = Uint8Array.from(data);
  const row = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * row + 3, end = (y + 1) * row - 3; at < end; at++) {
      let sum = 4 * data[at]!;
      for (let above = at - row; above <= at + row; above += row)
        sum += data[above - 3]! + data[above]! + data[above + 3]!;
      smooth[at] = Math.floor(sum / 13 + 0.5);
    }
  }
  return smooth;
}
