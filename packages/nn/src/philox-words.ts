/**
 * Fills `out` with Philox 4x32-10 words of the counters (0, c1, c2, c3), (1, c1, c2, c3), … : the numbers of core's
 * `philox4x32`, without an array for each block, which is what drawing the weights of a large model spends its time on.
 *
 * @param out four words a block; a last block may be cut
 */
export function philoxWords(
  out: Uint32Array,
  key: readonly [number, number],
  [c1, c2, c3]: readonly [number, number, number],
): void {
  for (let at = 0, block = 0; at < out.length; at += 4, block++) {
    let x0 = block | 0;
    let x1 = c1 | 0;
    let x2 = c2 | 0;
    let x3 = c3 | 0;
    let k0 = key[0] | 0;
    let k1 = key[1] | 0;
    for (let round = 0; round < 10; round++) {
      const high0 = multiplyHigh(0xd251, 0x1f53, x0);
      const high1 = multiplyHigh(0xcd9e, 0x8d57, x2);
      const low0 = Math.imul(0xd2511f53, x0);
      const low1 = Math.imul(0xcd9e8d57, x2);
      x0 = high1 ^ x1 ^ k0;
      x1 = low1;
      x2 = high0 ^ x3 ^ k1;
      x3 = low0;
      k0 = (k0 + 0x9e3779b9) | 0;
      k1 = (k1 + 0xbb67ae85) | 0;
    }
    // writes beyond the end of a typed array are dropped
    out[at] = x0;
    out[at + 1] = x1;
    out[at + 2] = x2;
    out[at + 3] = x3;
  }
}

/** High 32 bits of the 64-bit product of two unsigned words, the first given by its halves; all steps stay below 2^32. */
function multiplyHigh(high: number, low: number, b: number): number {
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const first = (Math.imul(high, bLow) + (Math.imul(low, bLow) >>> 16)) | 0;
  const second = (Math.imul(low, bHigh) + (first & 0xffff)) | 0;
  return (Math.imul(high, bHigh) + (first >>> 16) + (second >>> 16)) | 0;
}
