import sharp from 'sharp';
import type { Pair } from '../data/pair.js';

/** Memory that grows with the pairs, beyond what a few steps of them took. */
export interface Growing {
  /** `decoded pictures`. */
  readonly name: string;
  readonly bytes: number;
}

/** Pictures whose sizes are looked at. */
const SAMPLE = 200;
const FLOAT = 4;

/**
 * Bytes of pictures that a loader keeps decoded, three a pixel, by the sizes of some.
 *
 * @param seen pictures that were decoded while it was measured
 * @param most that the loader keeps
 */
export async function decodedPictures(pairs: readonly Pair[], seen: number, most: number): Promise<Growing> {
  const step = Math.max(1, Math.floor(pairs.length / SAMPLE));
  const some = pairs.filter((_, i) => i % step === 0);
  const sizes = await Promise.all(
    some.map(async ({ image }) => {
      const { width = 0, height = 0 } = await sharp(image, { limitInputPixels: false }).metadata();
      return 3 * width * height;
    }),
  );
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const kept = (count: number) => Math.min(most, mean * count);
  return { name: 'decoded pictures', bytes: kept(pairs.length) - kept(Math.min(seen, pairs.length)) };
}

/** Embeddings of both sides while blocks of them become one, and the similarities of all held-out pairs, twice. */
export function evaluation(pairs: number, heldOut: number, embedDim: number): Growing {
  return { name: 'embeddings and evaluation', bytes: FLOAT * (4 * pairs * embedDim + 2 * heldOut ** 2) };
}

/**
 * What no few steps show, whatever the data: the report, the indices, and what a collector of garbage leaves for later in a longer run. From
 * runs of 4 and of 40 steps beside what their dry runs took: 45 and 81 MiB.
 */
export const afterwards: Growing = { name: 'report and a longer run', bytes: 64 * 2 ** 20 };

/** Features of frozen towers: as they were kept, and scaled for training, of all pairs and of those that choose. */
export function features(pairs: number, views: number, width: number): Growing {
  return { name: 'features of the towers', bytes: FLOAT * 4 * pairs * views * width };
}
