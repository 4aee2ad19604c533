import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Matrix } from '@diptych/core';
import { afterAll, describe, expect, it } from 'vitest';
import { numberedIds, randomMatrix } from '../test/random-rows.js';
import { contentId, nearDuplicates } from './near-duplicates.js';
import { openIndex } from './open-index.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-duplicates-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A vector at some degrees. */
const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
const rows = (...degrees: number[]) => new Matrix(Float32Array.from(degrees.flatMap(at)), [degrees.length, 2]);

describe('near duplicates', () => {
  it('are copies by content and look-alikes by cosine, apart', async () => {
    const index = await openIndex(join(folder, 'apart'), { embedDim: 2, threads: 1 });
    const of = (text: string) => ({ content: contentId(Buffer.from(text)) });
    await index.add({
      ids: ['a', 'a copy', 'nearly a', 'b', 'chain 10', 'chain 20', 'far copy of b', 'nothing of it'],
      vectors: rows(0, 0, 1, 90, 100, 110, 270, 200),
      metadata: [of('a'), of('a'), of('a!'), of('b'), of('c'), undefined, of('b'), undefined],
    });
    const { identical, similar } = await nearDuplicates(index, { threshold: Math.cos((12 * Math.PI) / 180) });
    expect(identical).toEqual([
      ['a', 'a copy'],
      ['b', 'far copy of b'],
    ]);
    expect(similar.map(({ leader, members }) => [leader, members.map(({ id }) => id)])).toEqual([
      ['a', ['nearly a']],
      ['b', ['chain 10']], // 20 degrees from b is a group of its own
    ]);
    expect(similar[0]!.members[0]!.score).toBeCloseTo(Math.cos(Math.PI / 180), 5);
    const some = await nearDuplicates(index, { filter: { content: null } });
    expect(some).toEqual({ identical: [], similar: [] });
    await index.close();
  });

  it.each(['float32', 'int8'] as const)(
    'of thousands are found, also where hundreds are the same (%s)',
    async (precision) => {
      const index = await openIndex(join(folder, precision), { embedDim: 32, precision, threads: 1 });
      const originals = randomMatrix(1500, 32);
      const copies = Matrix.concat(
        Array.from({ length: 700 }, (_, i) => ({
          data: originals.row(i % 7).map((x) => x * (1 + i)),
          shape: [1, 32] as const,
        })),
      );
      await index.add({ ids: numberedIds(1500), vectors: originals });
      await index.add({ ids: numberedIds(700, 5000), vectors: copies });
      const progress: number[] = [];
      const { similar } = await nearDuplicates(index, { threshold: 0.999, onProgress: (done) => progress.push(done) });
      expect(similar.map(({ leader }) => leader)).toEqual(numberedIds(7));
      expect(similar.map(({ members }) => members.length)).toEqual(new Array(7).fill(100));
      expect(progress.at(-1)).toBe(2200);
      await expect(nearDuplicates(index, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
      await index.close();
    },
  );

  it.each([
    [{ threshold: 0 }, /above 0/],
    [{ threshold: 2 }, /at most 1/],
    [{ minScore: 1 }, /the options threshold/],
  ])('refuses %o', async (options, message) => {
    const index = await openIndex(join(folder, 'refuses'), { embedDim: 2, threads: 1 });
    await expect(nearDuplicates(index, options as never)).rejects.toThrow(message);
    await index.close();
  });
});
