import type { RgbImage } from '@diptych/core';
import { checkPicture } from './check.js';

/*
 * PIL's `ImageOps` on each channel by itself, byte for byte.
 */

/** Keeps the highest `bits` bits of each byte. */
export function posterize(image: RgbImage, bits: number): RgbImage {
  checkPicture('preprocess.posterize', image);
  const mask = 0xff & ~(2 ** (8 - bits) - 1);
  return mapChannels(image, () => (byte) => byte & mask);
}

/** Inverts bytes from `threshold` upwards. */
export function solarize(image: RgbImage, threshold: number): RgbImage {
  checkPicture('preprocess.solarize', image);
  return mapChannels(image, () => (byte) => (byte < threshold ? byte : 255 - byte));
}

/** Stretches each channel to the full range. */
export function autoContrast(image: RgbImage): RgbImage {
  checkPicture('preprocess.autoContrast', image);
  return mapChannels(image, (histogram) => {
    const low = histogram.findIndex((count) => count > 0);
    const high = histogram.findLastIndex((count) => count > 0);
    if (high <= low) return (byte) => byte;
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return (byte) => Math.max(0, Math.min(255, Math.trunc(byte * scale + offset)));
  });
}

/** Makes each channel's histogram flat. */
export function equalize(image: RgbImage): RgbImage {
  checkPicture('preprocess.equalize', image);
  return mapChannels(image, (histogram) => {
    const last = histogram.findLast((count) => count > 0) ?? 0;
    const total = histogram.reduce((sum, count) => sum + count, 0);
    const step = Math.floor((total - last) / 255);
    if (step === 0) return (byte) => byte;
    let sum = Math.floor(step / 2);
    const table = histogram.map((count) => {
      const level = Math.floor(sum / step);
      sum += count;
      return Math.min(255, level);
    });
    return (byte) => table[byte]!;
  });
}

/** Applies a function of bytes to each channel, made from the channel's histogram. */
function mapChannels(image: RgbImage, make: (histogram: number[]) => (byte: number) => number): RgbImage {
  const data = new Uint8Array(image.data.length);
  for (let channel = 0; channel < 3; channel++) {
    const histogram = new Array<number>(256).fill(0);
    for (let i = channel; i < data.length; i += 3) histogram[image.data[i]!]!++;
    const table = Uint8Array.from({ length: 256 }, (_, byte) => byte).map(make(histogram));
    for (let i = channel; i < data.length; i += 3) data[i] = table[image.data[i]!]!;
  }
  return { data, height: image.height, width: image.width };
}
