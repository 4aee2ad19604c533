/** float32 value of each of the 65,536 half precision numbers (IEEE 754 binary16). */
export type HalfTable = Float32Array;

/** Builds the table that half precision is decoded with: a lookup is faster than bit arithmetic per number. */
export function makeHalfTable(): HalfTable {
  return Float32Array.from({ length: 0x10000 }, (_, word) => float16ToFloat32(word));
}

/** The value of one half precision number. */
export function float16ToFloat32(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Widens bfloat16 words: they are the upper half of a float32. `target` must be at least as long as `words`. */
export function bfloat16ToFloat32(words: Uint16Array, target: Float32Array): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < words.length; i++) bits[i] = words[i]! << 16;
}

/** Rounds to bfloat16, to nearest with ties to even, as PyTorch does; a NaN stays one. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  return mapBits(values, (word) => {
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    return notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}

/** Rounds to half precision, to nearest with ties to even; beyond 65,504 it gives infinity, as PyTorch does. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  return mapBits(values, (word) => ((word >>> 16) & 0x8000) | halfMagnitude(word & 0x7fffffff));
}

/** 16 bits of the 32 of each value. */
function mapBits(values: Float32Array, round: (word: number) => number): Uint16Array {
  const words = new Uint16Array(values.length);
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  for (let i = 0; i < values.length; i++) {
    value[0] = values[i]!;
    words[i] = round(bits[0]!);
  }
  return words;
}

function halfMagnitude(word: number): number {
  if (word > 0x7f800000) return 0x7e00;
  if (word >= 0x477ff000) return 0x7c00;
  const exponent = word >>> 23;
  if (exponent < 102) return 0;
  if (exponent < 113) {
    const significand = (word & 0x7fffff) | 0x800000;
    return roundShift(significand, 126 - exponent);
  }
  return roundShift(word - ((127 - 15) << 23), 13);
}

/** `value / 2 ** shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const quotient = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return quotient + (rest > half || (rest === half && (quotient & 1) === 1) ? 1 : 0);
}
