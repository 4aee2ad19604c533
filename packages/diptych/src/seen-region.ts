import { type ImageTransform, plainSample, type RgbImage } from '@diptych/core';

/** A part of a picture, as shares of its width and height: 0 is its left or upper edge, 1 the other. Beyond both lies padding. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A byte of the result counts as one of the picture from here on: padding has another colour. */
const INSIDE = 0.75;

/**
 * What part of a picture of this size a transform lets through. It is asked by a picture whose colours are the places of its pixels (red
 * from left to right, green from top to bottom, blue everywhere), so it need not be one of this library's.
 *
 * @returns to 1/255 of each side; what a transform pads with lies outside of 0 to 1
 */
export async function seenRegion(
  transform: ImageTransform,
  { width, height }: Pick<RgbImage, 'width' | 'height'>,
): Promise<Region> {
  const [rows, columns, channels] = transform.outputShape;
  const seen = async (picture: RgbImage) => {
    const target = new Float32Array(rows * columns * channels);
    await transform.into(picture, target, 0, plainSample);
    return target;
  };
  // what a byte becomes differs by normalisation, but is linear in it
  const filled = (byte: number) => seen({ width, height, data: new Uint8Array(width * height * 3).fill(byte) });
  const [black, white] = [await filled(0), await filled(255)];
  const places = await seen(placesPicture(width, height));
  const middle = (Math.floor(rows / 2) * columns + Math.floor(columns / 2)) * channels;
  const share = (at: number, channel: number) => {
    const [low, high] = [black[middle + channel]!, white[middle + channel]!];
    return (places[at * channels + channel]! - low) / (high - low);
  };
  const along = (count: number, at: (i: number) => number, channel: number) => {
    const inside = Array.from({ length: count }, (_, i) => i).filter((i) => share(at(i), 2) > INSIDE);
    const [first, last] = [inside[0] ?? 0, inside.at(-1) ?? count - 1];
    const step = (share(at(last), channel) - share(at(first), channel)) / Math.max(1, last - first);
    // colours are those of the middles of pixels
    const edge = (i: number) => share(at(first), channel) + step * (i - first);
    return [edge(-0.5), edge(count - 0.5)] as const;
  };
  const row = Math.floor(rows / 2);
  const column = Math.floor(columns / 2);
  const [left, right] = along(columns, (i) => row * columns + i, 0);
  const [top, bottom] = along(rows, (i) => i * columns + column, 1);
  return { left, top, right, bottom };
}

function placesPicture(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    const green = ((y + 0.5) * 255) / height;
    for (let x = 0; x < width; x++, at += 3) {
      data[at] = ((x + 0.5) * 255) / width;
      data[at + 1] = green;
      data[at + 2] = 255;
    }
  }
  return { width, height, data };
}
