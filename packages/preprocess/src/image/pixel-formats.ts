/**
 * Naive CMYK (0 = no ink) to RGB, as PIL's `convert('RGB')` does it without colour management.
 *
 * @param channels 4, or 5 where an alpha channel follows and is dropped
 */
export function cmykToRgb(data: Uint8Array, channels: number): Uint8Array {
  const pixels = Math.floor(data.length / channels);
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels) {
    const white = 255 - data[from + 3]!;
    for (let channel = 0; channel < 3; channel++) rgb[to++] = white - timesOver255(data[from + channel]!, white);
  }
  return rgb;
}

/** RGBA composited on one colour, with the rounding of PIL's `canvas.paste(picture, mask=alpha)`. */
export function compositeOnto(rgba: Uint8Array, onto: readonly [number, number, number]): Uint8Array {
  const pixels = rgba.length / 4;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += 4) {
    const alpha = rgba[from + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      const sum = onto[channel]! * (255 - alpha) + rgba[from + channel]! * alpha + 128;
      rgb[to++] = ((sum >> 8) + sum) >> 8;
    }
  }
  return rgb;
}

/** a * b / 255, rounded, in integers. */
function timesOver255(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}
