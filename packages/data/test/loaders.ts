import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDiptychError, type PairBatch, registerKinds } from '@diptych/core';
import { afterAll, beforeAll } from 'vitest';
import { DataLoader } from '../src/data-loader.js';
import type { DataLoaderOptions } from '../src/loader-options.js';
import type { PairSource } from '../src/source.js';
import type { PairInput } from '../src/sources/pairs.js';
import { buildWorker } from './build-worker.js';
import { FakeTokenizer, FakeTransform, type FakeTransformOptions, fakeImage, kinds } from './fake-parts.js';

/** Loaders with parts of the tests and a built worker, and a folder; both are gone after the suite. */
export function useLoaders() {
  let folder: string;
  let workerFile: string;
  const loaders: DataLoader[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'diptych-loader-'));
    const built = await buildWorker(folder);
    workerFile = built.workerFile;
    // as a program's own module does it, by its address
    registerKinds(kinds, built.module);
  });

  afterAll(async () => {
    await Promise.all(loaders.map((loader) => loader.close()));
    rmSync(folder, { recursive: true });
  });

  return {
    /** A place in the folder. */
    at: (name: string) => join(folder, name),
    makeLoader(
      source: PairSource,
      options: Partial<DataLoaderOptions> = {},
      transform: FakeTransformOptions = {},
    ): DataLoader {
      const loader = new DataLoader(source, {
        transform: new FakeTransform(transform),
        tokenizer: new FakeTokenizer(),
        batchSize: 4,
        quarantine: false,
        workerFile,
        ...options,
      });
      loaders.push(loader);
      return loader;
    },
  };
}

/** Of the captions of {@link someItems}. */
export const words = ['a', 'bb', 'ccc', 'dddd'];

/** @param bad which pictures do not decode */
export function someItems(count: number, bad: (i: number) => boolean = () => false): PairInput[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `id${i}`,
    image: bad(i) ? Uint8Array.of(1, 2, 3) : fakeImage(i % 256),
    text: [`first ${i}`, `second of ${i} ${words.slice(0, i % 4).join(' ')}`],
  }));
}

/** Everything of a batch in a form that `toEqual` compares. */
export function plain({ size, pixels, tokens, ids }: PairBatch) {
  return { size, ids: [...ids], pixels: [...pixels.data], shape: pixels.shape, tokens: [...tokens.inputIds] };
}

export async function allOf(loader: DataLoader, epoch = 0) {
  const batches: ReturnType<typeof plain>[] = [];
  for await (const batch of loader.epoch(epoch)) batches.push(plain(batch));
  return batches;
}

export const idsOf = (batches: { ids: readonly string[] }[]) => batches.map(({ ids }) => ids.join(' '));

/** Code and message of what is thrown. */
export async function codeOf(run: () => Promise<unknown> | unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return isDiptychError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return 'nothing was thrown';
}
