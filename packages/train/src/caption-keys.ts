import type { TokenBatch } from '@diptych/core';

/**
 * A key for each row's caption, equal for captions that are equal to the text tower: the same tokens without their padding, or
 * the same stored features. By a hash of 64 bits (twice FNV-1a, with other factors): among a million captions two different ones
 * share a key with a probability below 1e-7.
 */
export function captionKeys({ shape, inputIds, attentionMask, features }: TokenBatch): string[] {
  const [rows, length] = shape as readonly [number, number];
  const bits = features && new Int32Array(features.buffer, features.byteOffset, features.length);
  return Array.from({ length: rows }, (_, row) => {
    if (bits) return hash(bits, undefined, (row * bits.length) / rows, ((row + 1) * bits.length) / rows);
    return hash(inputIds, attentionMask, row * length, (row + 1) * length);
  });
}

function hash(values: Int32Array, mask: Int32Array | undefined, begin: number, end: number): string {
  let [a, b] = [0x811c9dc5, 0x1b873593];
  for (let i = begin; i < end; i++) {
    if (mask && mask[i] === 0) continue;
    const value = values[i]!;
    a = Math.imul(a ^ value, 0x01000193) ^ (a >>> 15);
    b = Math.imul(b ^ value, 0x85ebca6b) ^ (b >>> 13);
  }
  return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`;
}
