import type { Hit } from '@diptych/search';

/** A result with those that are nearly the same. */
export interface FoldedHit extends Hit {
  readonly duplicates?: readonly Hit[];
}

/** Results that are compared with each other; those behind stay as they are. */
export const FOLDED_AT_MOST = 1000;

/**
 * Puts results under an earlier one that they are nearly equal to: with the same `content`, or with a cosine above `above`.
 *
 * @param vectors of the hits, each of length 1; undefined for rows that are gone
 */
export function foldDuplicates(
  hits: readonly Hit[],
  vectors: readonly (Float32Array | undefined)[],
  above: number,
): FoldedHit[] {
  const kept: { hit: Hit; vector: Float32Array | undefined; duplicates: Hit[] }[] = [];
  const byContent = new Map<string, (typeof kept)[number]>();
  for (const [i, hit] of hits.entries()) {
    const vector = vectors[i];
    const { content } = hit.metadata;
    const same = typeof content === 'string' ? byContent.get(content) : undefined;
    const near = same ?? (vector && kept.find((other) => other.vector && cosine(vector, other.vector) > above));
    if (near) near.duplicates.push(hit);
    else {
      const own = { hit, vector, duplicates: [] };
      kept.push(own);
      if (typeof content === 'string') byContent.set(content, own);
    }
  }
  return kept.map(({ hit, duplicates }) => (duplicates.length > 0 ? { ...hit, duplicates } : hit));
}

/** Of vectors of length 1. */
function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
