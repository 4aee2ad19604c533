import type { RgbImage } from '@diptych/core';
import { checkPicture } from './check.js';

/**
 * Turns the hue by `turn` of the circle, -0.5 to 0.5: `torchvision.transforms.functional.adjust_hue` on a PIL image, byte for
 * byte, with PIL's 8-bit HSV between (`rgb2hsv_row`, `hsv2rgb`).
 */
export function adjustHue(image: RgbImage, turn: number): RgbImage {
  checkPicture('preprocess.adjustHue', image);
  const shift = Math.trunc(turn * 255) & 0xff;
  const data = new Uint8Array(image.data.length);
  for (let i = 0; i < data.length; i += 3) {
    const red = image.data[i]!;
    const green = image.data[i + 1]!;
    const blue = image.data[i + 2]!;
    const value = Math.max(red, green, blue);
    const lowest = Math.min(red, green, blue);
    if (value === lowest) {
      data[i] = data[i + 1] = data[i + 2] = value;
      continue;
    }
    const range = value - lowest;
    const saturation = clip(Math.trunc(Math.fround(range / value) * 255));
    const hue = (hueOf(red, green, blue, value, range) + shift) & 0xff;
    writeRgb(data, i, hue, saturation, value);
  }
  return { data, height: image.height, width: image.width };
}

/** Hue from 0 to 255; float32 where PIL has floats. */
function hueOf(red: number, green: number, blue: number, value: number, range: number): number {
  const redPart = Math.fround((value - red) / range);
  const greenPart = Math.fround((value - green) / range);
  const bluePart = Math.fround((value - blue) / range);
  const sixths = Math.fround(
    red === value
      ? Math.fround(bluePart - greenPart)
      : green === value
        ? 2 + redPart - bluePart
        : 4 + greenPart - redPart,
  );
  return clip(Math.trunc(Math.fround((sixths / 6 + 1) % 1) * 255));
}

function writeRgb(data: Uint8Array, at: number, hue: number, saturation: number, value: number): void {
  if (saturation === 0) {
    data[at] = data[at + 1] = data[at + 2] = value;
    return;
  }
  const sixths = Math.fround((hue * 6) / 255);
  const sector = Math.floor(sixths);
  const fraction = Math.fround(sixths - sector);
  const strength = Math.fround(saturation / 255);
  const low = clip(roundHalfAway(value * (1 - strength)));
  const falling = clip(roundHalfAway(value * (1 - Math.fround(strength * fraction))));
  const rising = clip(roundHalfAway(value * (1 - strength * (1 - fraction))));
  const [red, green, blue] = [
    [value, rising, low],
    [falling, value, low],
    [low, value, rising],
    [low, falling, value],
    [rising, low, value],
    [value, low, falling],
  ][sector % 6] as [number, number, number];
  data[at] = red;
  data[at + 1] = green;
  data[at + 2] = blue;
}

function roundHalfAway(value: number): number {
  return Math.trunc(value + 0.5);
}

function clip(value: number): number {
  return Math.max(0, Math.min(255, value));
}
