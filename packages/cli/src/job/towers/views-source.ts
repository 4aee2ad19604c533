import { type PairBatch, permutation } from '@diptych/core';
import type { BatchSource, FeatureSet } from '@diptych/train';

/**
 * Batches of stored features: in each epoch every row once, as one of its views. Order and views depend on seed and epoch alone.
 *
 * @param views of the same pairs, row i of each is pair i
 */
export function viewsSource(views: readonly FeatureSet[], batchSize: number, seed: number): BatchSource {
  const rows = views[0]!.ids.length;
  const count = Math.floor(rows / batchSize);
  return {
    batchesPerEpoch: count,
    *epoch(epoch) {
      const order = permutation(rows, seed, epoch, 'cli/rows');
      for (let b = 0; b < count; b++) {
        const chosen = Array.from({ length: batchSize }, (_, i) => order[b * batchSize + i]!);
        // the pairs' views are drawn apart, so that a picture meets its caption in other words each time
        yield batchOf(
          chosen.map((place) => [views[(place + epoch) % views.length]!, place] as const),
          chosen.map((place) => [views[(place + Math.floor(epoch / views.length)) % views.length]!, place] as const),
        );
      }
    },
  };
}

type Place = readonly [view: FeatureSet, row: number];

function batchOf(images: readonly Place[], texts: readonly Place[]): PairBatch {
  const size = images.length;
  const pixels = gathered(images.map(([{ image }, row]) => [image, row]));
  const features = gathered(texts.map(([{ text }, row]) => [text, row]));
  return {
    size,
    pixels: { data: pixels, shape: [size, 1, 1, pixels.length / size] },
    tokens: { shape: [size, 1], inputIds: new Int32Array(size), attentionMask: new Int32Array(size).fill(1), features },
    ids: images.map(([{ ids }, row]) => ids[row]!),
  };
}

function gathered(places: readonly (readonly [FeatureSet['image'], number])[]): Float32Array {
  const width = places[0]![0].shape[1];
  const data = new Float32Array(places.length * width);
  for (const [i, [matrix, row]] of places.entries()) {
    data.set(matrix.data.subarray(row * width, (row + 1) * width), i * width);
  }
  return data;
}
