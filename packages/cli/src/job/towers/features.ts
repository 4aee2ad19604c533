import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { type Json, Matrix } from '@diptych/core';
import { DataLoader, pairs as inMemory } from '@diptych/data';
import { FeatureSet } from '@diptych/train';
import { cacheFeatures } from '@diptych/train/node';
import { trainingCaptions } from '../../data/captions.js';
import type { Pair } from '../../data/pair.js';
import type { Towers } from './open-towers.js';

/** Pairs whose features stand in one file: what an interruption loses at most. */
const BLOCK = 1024;
const BATCH = 32;

/** How features are made. */
export interface FeatureOptions {
  /** Where they are kept; the same towers, pictures and captions find theirs again. */
  readonly folder: string;
  /** The plain view and, from the second on, varied ones: pictures and captions as in training. */
  readonly views: number;
  /** Most bytes that are kept of all runs. */
  readonly maxBytes: number;
  /** Of the variations. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Pairs done so far, over all views. */
  readonly onProgress: (pairs: number) => void;
}

/**
 * What frozen towers give for all pairs: the plain view first, then the varied ones. Row i of each is pair i.
 *
 * @throws the signal's reason when aborted; finished blocks are kept
 */
export async function cacheViews(
  towers: Towers,
  pairs: readonly Pair[],
  { folder, maxBytes, views: count, seed, signal, onProgress }: FeatureOptions,
): Promise<FeatureSet[]> {
  const views: FeatureSet[] = [];
  let before = 0;
  for (let view = 0; view < count; view++) {
    const blocks: FeatureSet[] = [];
    for (let start = 0; start < pairs.length; start += BLOCK) {
      const block = pairs.slice(start, start + BLOCK);
      const key: Json = {
        transform: (view === 0 ? towers.transform.plain : towers.transform.varied).describe().options,
        tokenizer: fingerprint(JSON.stringify(towers.tokenizer.describe().options)),
        tokenize: { ...towers.tokenize },
        pairs: fingerprint(...block.map(contentOf)),
        ...(view > 0 && { view, seed }),
      };
      const source = viewOf(towers, block, view, seed, signal);
      const done = before;
      blocks.push(
        await cacheFeatures(towers, source, { folder, maxBytes, key, onProgress: (some) => onProgress(done + some) }),
      );
      before += block.length;
      onProgress(before);
    }
    views.push(joined(blocks));
  }
  return views;
}

/** The pairs in their order, once; the varied views draw anew, each by its number. */
function viewOf(towers: Towers, pairs: readonly Pair[], view: number, seed: number, signal: AbortSignal) {
  const plain = view === 0;
  const rows = pairs.map((pair) => ({
    id: pair.id,
    image: pair.image,
    text: plain ? pair.text : trainingCaptions(pair),
  }));
  const loader = new DataLoader(inMemory(rows), {
    transform: plain ? towers.transform.plain : towers.transform.varied,
    tokenizer: towers.tokenizer,
    ...towers.tokenize,
    batchSize: BATCH,
    seed,
    strict: true,
    training: !plain,
    captions: plain ? 'first' : 'random',
  });
  return {
    async *epoch() {
      for await (const batch of loader.epoch(view)) {
        signal.throwIfAborted();
        yield batch;
      }
    },
  };
}

/** A picture is known by its file's size and date: reading all of them again would take as long as some towers. */
function contentOf(pair: Pair): string {
  const { size, mtimeMs } = statSync(pair.image);
  return JSON.stringify([pair.id, pair.image, size, mtimeMs, pair.text, pair.tags ?? []]);
}

function fingerprint(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\n');
  return hash.digest('hex');
}

function joined(blocks: readonly FeatureSet[]): FeatureSet {
  if (blocks.length === 1) return blocks[0]!;
  return new FeatureSet(
    Matrix.concat(blocks.map(({ image }) => image)),
    Matrix.concat(blocks.map(({ text }) => text)),
    blocks.flatMap(({ ids }) => [...ids]),
  );
}
