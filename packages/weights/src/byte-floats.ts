/** Floats of eight bits, by their names in safetensors. */
export type ByteFloat = keyof typeof FORMATS;

/**
 * Bits of exponent and fraction, and the exponent's bias. `special` says which words are no numbers: all with the highest
 * exponent as in IEEE 754, only the highest word of each sign (OCP's E4M3), or only negative zero (the FNUZ types).
 *
 * Sources: Micikevicius et al. 2022, arXiv:2209.05433; Noune et al. 2022, arXiv:2206.02915; OCP Microscaling Formats 1.0.
 */
const FORMATS = {
  F8_E4M3: { fraction: 3, bias: 7, special: 'highest' },
  F8_E5M2: { fraction: 2, bias: 15, special: 'ieee' },
  F8_E4M3FNUZ: { fraction: 3, bias: 8, special: 'negative zero' },
  F8_E5M2FNUZ: { fraction: 2, bias: 16, special: 'negative zero' },
  F8_E8M0: { fraction: 0, bias: 127, special: 'scale' },
} as const;

/** The float32 value of each byte. */
export function makeByteFloatTable(name: ByteFloat): Float32Array {
  const { fraction: bits, bias, special } = FORMATS[name];
  return Float32Array.from({ length: 256 }, (_, byte) => {
    // a power of two without a sign, for scales
    if (special === 'scale') return byte === 255 ? Number.NaN : 2 ** (byte - bias);
    const sign = byte & 0x80 ? -1 : 1;
    const word = byte & 0x7f;
    const exponent = word >> bits;
    const fraction = word & ((1 << bits) - 1);
    if (special === 'negative zero' && byte === 0x80) return Number.NaN;
    if (special === 'highest' && word === 0x7f) return Number.NaN;
    if (special === 'ieee' && exponent === 0x7f >> bits) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    const size = fraction / (1 << bits);
    return sign * (exponent === 0 ? size * 2 ** (1 - bias) : (1 + size) * 2 ** (exponent - bias));
  });
}
