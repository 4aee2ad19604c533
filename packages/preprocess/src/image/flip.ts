import type { RgbImage } from '@diptych/core';
import { checkPicture, checkRange } from './check.js';
import { type PixelStep, pixelStep } from './step.js';

/**
 * In training, mirrors left and right with the given probability (`torchvision.transforms.RandomHorizontalFlip`).
 *
 * @throws ConfigError for a probability outside [0, 1]
 */
export function randomHorizontalFlip(probability = 0.5): PixelStep {
  return randomFlip('randomHorizontalFlip', probability, flipHorizontally);
}

/**
 * In training, turns upside down with the given probability (`torchvision.transforms.RandomVerticalFlip`).
 *
 * @throws ConfigError for a probability outside [0, 1]
 */
export function randomVerticalFlip(probability = 0.5): PixelStep {
  return randomFlip('randomVerticalFlip', probability, flipVertically);
}

function randomFlip(op: string, probability: number, flip: (image: RgbImage) => RgbImage): PixelStep {
  checkRange(`preprocess.${op}`, 'probability', probability, 0, 1);
  return pixelStep({
    op,
    args: [probability],
    options: { probability },
    apply: (image, context, random) => (context.training && random().chance(probability) ? flip(image) : image),
  });
}

/** Mirrors left and right. */
export function flipHorizontally(image: RgbImage): RgbImage {
  checkPicture('preprocess.flipHorizontally', image);
  const { data, height, width } = image;
  const flipped = new Uint8Array(data.length);
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let from = ((row + 1) * width - 1) * 3, end = row * width * 3; from >= end; from -= 3) {
      flipped[to++] = data[from]!;
      flipped[to++] = data[from + 1]!;
      flipped[to++] = data[from + 2]!;
    }
  }
  return { data: flipped, height, width };
}

/** Turns upside down. */
export function flipVertically(image: RgbImage): RgbImage {
  checkPicture('preprocess.flipVertically', image);
  const { data, height, width } = image;
  const flipped = new Uint8Array(data.length);
  const size = width * 3;
  for (let row = 0; row < height; row++) {
    flipped.set(data.subarray(row * size, (row + 1) * size), (height - 1 - row) * size);
  }
  return { data: flipped, height, width };
}
