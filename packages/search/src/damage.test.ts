import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDiptychError, Matrix } from '@diptych/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { numberedIds, randomMatrix } from '../test/random-rows.js';
import type { ExactIndex } from './exact-index.js';
import { openIndex } from './open-index.js';

let folder: string;
let sound: string;
let made = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-damage-'));
  sound = join(folder, 'sound');
  const index = await openIndex(sound, { embedDim: 32, precision: 'int8', threads: 1 });
  await index.add({
    ids: numberedIds(200),
    vectors: randomMatrix(200, 32),
    metadata: numberedIds(200).map(() => ({ a: 1 })),
  });
  await index.add({ ids: numberedIds(50, 150), vectors: randomMatrix(50, 32, 2) });
  await index.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function copy(): string {
  const path = join(folder, `copy-${made++}`);
  cpSync(sound, path, { recursive: true });
  return path;
}

/** Everything that can be read. */
async function readAll(path: string, readonly = true): Promise<number> {
  const index = await openIndex(path, { readonly, threads: 1 });
  try {
    await index.search(randomMatrix(2, 32), { filter: { a: null } });
    await index.get(numberedIds(200));
    await index.verify();
    return await index.count();
  } finally {
    await index.close();
  }
}

describe('a damaged index', () => {
  it.each(['segment-00000001.dip', 'segment-00000002.dip', 'commits.log'])(
    'says which file it is, wherever a byte of %s turned',
    async (name) => {
      const { size } = statSync(join(sound, name));
      let noticed = 0;
      const places = Array.from({ length: 40 }, (_, i) => Math.floor(((i + 0.5) * size) / 40));
      for (const place of places) {
        const path = copy();
        const bytes = readFileSync(join(path, name));
        bytes[place]! ^= 0x10;
        writeFileSync(join(path, name), bytes);
        try {
          await readAll(path);
        } catch (error) {
          expect(isDiptychError(error), String(error)).toBe(true);
          expect((error as Error).message).toContain(name);
          noticed++;
        }
      }
      // padding between sections counts for nothing, nor do earlier lines of the log
      expect(noticed).toBeGreaterThan(name === 'commits.log' ? 10 : 35);
    },
  );

  it('says which file was cut', async () => {
    for (const share of [0, 0.01, 0.5, 0.99]) {
      const path = copy();
      const file = join(path, 'segment-00000001.dip');
      truncateSync(file, Math.floor(statSync(file).size * share));
      await expect(readAll(path)).rejects.toThrow(/segment-00000001\.dip: expected \d+ bytes, got \d+/);
    }
  });

  it('says which file is missing', async () => {
    const path = copy();
    rmSync(join(path, 'segment-00000002.dip'));
    await expect(readAll(path)).rejects.toThrow(/a segment is missing: .*segment-00000002/);
  });

  it.each([
    [0.3, 0],
    [0.6, 200],
    [0.95, 200],
  ])('whose log was cut at %s is the commit before it', async (share, rows) => {
    const path = copy();
    const log = join(path, 'commits.log');
    const lines = readFileSync(log, 'utf8').split('\n');
    expect(lines.length).toBe(5); // header, empty, two commits, what is behind the last end of line
    const size = statSync(log).size;
    const kept = lines.slice(0, share === 0.3 ? 2 : 3).join('\n').length + 1;
    truncateSync(log, share === 0.3 ? kept + 3 : Math.floor(kept + (size - kept) * share));
    expect(await readAll(path)).toBe(rows);
    // a writer goes on from there
    const index = await openIndex(path, { threads: 1 });
    await index.add({ ids: ['new'], vectors: randomMatrix(1, 32) });
    await index.close();
    expect(await readAll(path)).toBe(rows + 1);
    expect(readdirSync(path).filter((name) => name.endsWith('.dip')).length).toBe(rows === 0 ? 1 : 2);
  });

  it('whose log has rubbish behind its last line is sound, and loses the rubbish with the next commit', async () => {
    const path = copy();
    appendFileSync(join(path, 'commits.log'), '1234abcd {"commit":9');
    expect(await readAll(path, false)).toBe(200);
    expect(await readAll(path)).toBe(200);
  });

  it('is refused where it is none', async () => {
    const path = copy();
    copyFileSync(join(path, 'segment-00000001.dip'), join(path, 'commits.log'));
    await expect(readAll(path)).rejects.toThrow(/commits\.log/);
    await expect(openIndex(join(folder, 'nothing'), { readonly: true })).rejects.toThrow(/an index, got none there/);
    expect(existsSync(join(folder, 'nothing'))).toBe(false);
  });
});

describe('one writer', () => {
  it('has the folder until it closes', async () => {
    const path = copy();
    const writer = await openIndex(path, { threads: 1 });
    await expect(openIndex(path)).rejects.toThrow(/writes to it; wait for it or end it; \{ readonly: true \}/);
    const reader = await openIndex(path, { readonly: true, threads: 1 });
    await expect(reader.add({ ids: ['a'], vectors: randomMatrix(1, 32) })).rejects.toThrow(/readonly: true/);
    await reader.close();
    await writer.close();
    await (await openIndex(path, { threads: 1 })).close();
  });

  it('is one of two that begin an index at once', async () => {
    const path = join(folder, 'begun-twice');
    const both = await Promise.allSettled([1, 2].map(() => openIndex(path, { embedDim: 4, threads: 1 })));
    const opened = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(opened.length).toBe(1);
    await opened[0]!.close();
  });

  it('does one call after the other', async () => {
    const index = await openIndex(join(folder, 'at-once'), { embedDim: 4, threads: 1 });
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => index.add({ ids: [`row ${i}`, 'same'], vectors: randomMatrix(2, 4, i) })),
    );
    expect(await index.count()).toBe(31);
    await index.close();
    await index.close();
    await expect(index.search(randomMatrix(1, 4))).rejects.toThrow(/was closed/);
  });
});

describe('what people pass', () => {
  let index: ExactIndex;
  beforeAll(async () => {
    index = await openIndex(join(folder, 'passed'), { embedDim: 2, threads: 1 });
  });
  const two = (...values: number[]) => new Matrix(Float32Array.from(values), [values.length / 2, 2]);

  it.each([
    ['NaN', { ids: ['a'], vectors: two(Number.NaN, 1) }, /"a".*NaN or infinity/],
    ['infinity', { ids: ['a'], vectors: two(Number.POSITIVE_INFINITY, 1) }, /NaN or infinity/],
    ['zeros', { ids: ['a'], vectors: two(0, 0) }, /a vector with a direction, got zeros/],
    ['an id twice', { ids: ['a', 'a'], vectors: two(1, 0, 0, 1) }, /each id once/],
    ['an empty id', { ids: [''], vectors: two(1, 0) }, /an empty one/],
    ['a number as id', { ids: [7], vectors: two(1, 0) }, /number in place 0; String\(id\)/],
    ['half a character', { ids: ['\ud800'], vectors: two(1, 0) }, /half a character/],
    ['another width', { ids: ['a'], vectors: new Matrix(new Float32Array(3), [1, 3]) }, /\[N,2\]/],
    ['too few ids', { ids: ['a'], vectors: two(1, 0, 0, 1) }, /ids for each of 2 vectors, got 1/],
    ['metadata for some', { ids: ['a', 'b'], vectors: two(1, 0, 0, 1), metadata: [{}] }, /metadata for each of 2/],
    ['a Date', { ids: ['a'], vectors: two(1, 0), metadata: [{ day: new Date() }] }, /a Date; toISOString/],
    ['NaN as metadata', { ids: ['a'], vectors: two(1, 0), metadata: [{ day: Number.NaN }] }, /finite number/],
    ['a column with a dot', { ids: ['a'], vectors: two(1, 0), metadata: [{ 'a.b': 1 }] }, /column's name/],
    ['an array', [[1, 2]], /object of options/],
    ['a wrong name', { id: ['a'], vectors: two(1, 0) }, /did you mean ids/],
  ])('%s is refused, and nothing is added', async (_, rows, message) => {
    const before = index.stats().commit;
    await expect(index.add(rows as never)).rejects.toSatisfy(
      (error) => isDiptychError(error) && message.test((error as Error).message),
    );
    expect(index.stats().commit).toBe(before);
  });

  it('an empty index, k beyond the rows, no rows, unicode ids, lengths of all sizes', async () => {
    expect(await index.search(two(1, 0))).toEqual([[]]);
    await index.add({ ids: [], vectors: new Matrix(new Float32Array(0), [0, 2]) });
    expect(index.stats().commit).toBe(0);
    const ids = ['naïve', 'naı\u0308ve', '漢字', '👩‍👩‍👧', ' a ', 'a', '../../etc', "'; DROP TABLE"];
    await index.add({
      ids,
      vectors: two(1, 0, 1e-20, 0, 0, 3e30, 1, 1, -1, 0, 0, -1, 2, 2, 5, 6),
      metadata: ids.map((id) => ({ id })),
    });
    const [hits] = await index.search(two(9, 0), { k: 1000 });
    expect(hits!.length).toBe(ids.length);
    expect(hits!.slice(0, 2)).toEqual([
      { id: 'naïve', score: 1, metadata: { id: 'naïve' } },
      { id: 'naı\u0308ve', score: 1, metadata: { id: 'naı\u0308ve' } },
    ]);
    for (const hit of hits!) expect(hit.metadata.id).toBe(hit.id);
    expect((await index.search(new Matrix(new Float32Array(0), [0, 2]))).length).toBe(0);
    expect((await index.search(two(1, 0), { minScore: 0.99 }))[0]!.length).toBe(2);
  });

  it.each([
    [two(0, 0), {}, /query 0.*direction/],
    [two(Number.NaN, 0), {}, /NaN/],
    [new Matrix(new Float32Array(3), [1, 3]), {}, /\[N,2\]/],
    [two(1, 0), { k: 0 }, /k as a whole number/],
    [two(1, 0), { topK: 3 }, /options k, filter, minScore, got topK/],
    [two(1, 0), { minScore: Number.NaN }, /minScore/],
    [two(1, 0), { filter: { a: { like: 'x' } } }, /in, gt, gte, lt or lte, got like/],
    [two(1, 0), { filter: { $and: [] } }, /\$or or \$not/],
    [two(1, 0), { filter: { a: ['x'] } }, /in: \[/],
    [two(1, 0), { filter: 'a' }, /a filter as an object/],
  ])('a search %# is refused', async (queries, options, message) => {
    await expect(index.search(queries, options as never)).rejects.toSatisfy(
      (error) => isDiptychError(error) && message.test((error as Error).message),
    );
  });

  it.each([
    [{}, /embedDim for a new index/],
    [{ embedDim: 0 }, /above 0/],
    [{ embedDim: 4, metric: 'l2' }, /cosine, dot/],
    [{ embedDim: 4, precision: 'int4' }, /float32, float16, int8/],
    [{ embedDim: 4, precision: 'float32', rerank: 'float16' }, /more exact than float32/],
    [{ embedDim: 4, threads: 0 }, /threads/],
    [{ embedDimension: 4 }, /did you mean embedDim/],
  ])('a new index with %o is refused, and no folder is made', async (options, message) => {
    const path = join(folder, 'refused');
    await expect(openIndex(path, options as never)).rejects.toThrow(message);
    expect(existsSync(path)).toBe(false);
  });

  it('an index is not opened as another', async () => {
    await expect(openIndex(sound, { embedDim: 64 })).rejects.toThrow(/embedDim 32, which the index there has, got 64/);
    await expect(openIndex(sound, { precision: 'float32', readonly: true })).rejects.toThrow(/precision int8/);
    expect(existsSync(join(sound, '.lock'))).toBe(false);
  });

  it('vectors that are compared by product keep their lengths', async () => {
    const dots = await openIndex(join(folder, 'dots'), {
      embedDim: 2,
      metric: 'dot',
      precision: 'float16',
      threads: 1,
    });
    await dots.add({ ids: ['long', 'short', 'none'], vectors: two(1e5, 0, 1e-5, 0, 0, 0) });
    const [hits] = await dots.search(two(2, 1));
    expect(hits!.map(({ id }) => id)).toEqual(['long', 'short', 'none']);
    expect(hits![0]!.score / 2e5).toBeCloseTo(1, 3);
    expect(hits![1]!.score / 2e-5).toBeCloseTo(1, 3);
    await dots.close();
  });
});
