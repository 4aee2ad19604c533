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
export function compositeOnto(rgba: Uint8Array, [red, green, blue]: readonly [number, number, number]): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3]!;
    // Most pixels of most pictures are one or the other; the formula gives the same.
    if (alpha === 255) {
      rgb[to] = rgba[from]!;
      rgb[to + 1] = rgba[from + 1]!;
      rgb[to + 2] = rgba[from + 2]!;
    } else if (alpha === 0) {
      rgb[to] = red;
      rgb[to + 1] = green;
      rgb[to + 2] = blue;
    } else {
      rgb[to] = mix(rgba[from]!, red, alpha);
      rgb[to + 1] = mix(rgba[from + 1]!, green, alpha);
      rgb[to + 2] = mix(rgba[from + 2]!, blue, alpha);
    }
  }
  return rgb;
}

/** (over * alpha + under * (255 - alpha)) / 255, rounded, in integers. */
function mix(over: number, under: number, alpha: number): number {
  return over255(over * alpha + under * (255 - alpha));
}

/** a * b / 255, rounded, in integers. */
function timesOver255(a: number, b: number): number {
  return over255(a * b);
}

/** value / 255 for values up to 255 * 255, rounded, in integers. */
function over255(value: number): number {
  const rounded = value + 128;
  return ((rounded >> 8) + rounded) >> 8;
}
