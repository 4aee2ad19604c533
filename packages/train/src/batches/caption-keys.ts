import type { PairBatch, TokenBatch } from '@diptych/core';

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

/** What to say of a batch in which pairs of different ids have one caption; undefined where none have. */
export function equalCaptionsMessage({ ids, tokens }: PairBatch): string | undefined {
  const idOf = new Map<string, string>();
  let equal = 0;
  for (const [row, key] of captionKeys(tokens).slice(0, ids.length).entries()) {
    const first = idOf.get(key);
    if (first === undefined) idOf.set(key, ids[row]!);
    else if (first !== ids[row]) equal++;
  }
  if (equal === 0) return undefined;
  return (
    `${equal} of ${ids.length} pairs in this batch have the caption of another pair with another id; they count as right answers to ` +
    'each other (equalCaptions: false sets them against each other)'
  );
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
