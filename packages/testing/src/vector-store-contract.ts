import { isDiptychError, Matrix } from '@diptych/core';
import { Generator } from '@diptych/nn';
import type { Filter, Hit, VectorStore } from '@diptych/search';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';

/** What {@link testVectorStore} is told of a store. */
export interface VectorStoreContract {
  /** A new, empty store of the given width with metric `cosine`. The suite closes it. */
  create(embedDim: number): Promise<VectorStore>;
  /** The share of the exact best 10 among 500 rows that a search finds at least; default 1. Approximate stores say less. */
  readonly recall?: number;
}

/**
 * Checks that a store keeps the contract of `VectorStore`, as tests of a suite.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testVectorStore(runner: Runner, name: string, contract: VectorStoreContract): void {
  register(runner, name, vectorStoreChecks(contract));
}

/** The checks of {@link testVectorStore}, for use without a test runner. */
export function vectorStoreChecks(contract: VectorStoreContract): Check[] {
  checkContract('testing.vectorStoreChecks', contract, 'create');
  const { create, recall = 1 } = contract;
  const check = (name: string, embedDim: number, run: (store: VectorStore) => Promise<void>): Check => ({
    name,
    run: async () => {
      const store = await create(embedDim);
      try {
        await run(store);
      } finally {
        await store.close();
      }
    },
  });
  return [
    check('finds nothing while it is empty', 4, async (store) => {
      ensure(store.embedDim === 4 && store.metric === 'cosine', `${store.embedDim} ${store.metric}`);
      same(await store.search(rows([1, 0, 0, 0])), [[]], 'a search');
      same(await store.count(), 0, 'count()');
      same(await store.get(['a']), [undefined], 'get()');
      same(await store.delete(['a']), 0, 'delete()');
      await store.add({ ids: [], vectors: new Matrix(new Float32Array(0), [0, 4]) });
      same(await store.search(new Matrix(new Float32Array(0), [0, 4])), [], 'no queries');
    }),
    check('finds rows by cosine, best first, with their metadata, whatever their lengths', 2, async (store) => {
      await store.add({
        ids: ['east', 'north', 'far', 'west'],
        vectors: rows([3, 0], [0, 0.001], [1000, 1000], [-1, 0]),
        metadata: [
          { name: 'E', n: 1.5, ok: true, none: null, list: ['x', 'y'] },
          undefined,
          { name: 'ß "quoted" \\ \n' },
          {},
        ],
      });
      const [hits] = await store.search(rows([0.2, 0]));
      same(idsOf(hits!).slice(0, 2), ['east', 'far'], 'the best two');
      same(idsOf(hits!).at(-1), 'west', 'the last');
      near(
        hits!.map(({ score }) => score),
        [1, Math.SQRT1_2, 0, -1],
      );
      same(hits![0]!.metadata, { name: 'E', n: 1.5, ok: true, none: null, list: ['x', 'y'] }, 'metadata');
      same(hits![1]!.metadata, { name: 'ß "quoted" \\ \n' }, 'metadata');
      same(hits![2]!.metadata, {}, 'no metadata');
    }),
    check('gives fewer where there are fewer than k, and k at most', 2, async (store) => {
      await store.add({ ids: ['a', 'b', 'c'], vectors: rows([1, 0], [1, 1], [0, 1]) });
      same((await store.search(rows([1, 0]), { k: 1000 }))[0]!.length, 3, 'k of 1000');
      same((await store.search(rows([1, 0]), { k: 1 })).map(idsOf), [['a']], 'k of 1');
      same((await store.search(rows([1, 0]), { minScore: 0.5 })).map(idsOf), [['a', 'b']], 'minScore');
    }),
    check('replaces a row whose id comes again, wholly', 2, async (store) => {
      await store.add({ ids: ['a', 'b'], vectors: rows([1, 0], [1, 0]), metadata: [{ v: 1, old: true }, { v: 1 }] });
      await store.add({ ids: ['a'], vectors: rows([0, 1]), metadata: [{ v: 2 }] });
      same(await store.count(), 2, 'count()');
      const [hits] = await store.search(rows([0, 1]), { k: 1 });
      same(
        hits!.map(({ id, metadata }) => ({ id, metadata })),
        [{ id: 'a', metadata: { v: 2 } }],
        'the new row',
      );
      near([hits![0]!.score], [1]);
      same((await store.search(rows([1, 0]), { k: 1 })).map(idsOf), [['b']], 'the old vector');
    }),
    check('deletes rows, and takes them again', 2, async (store) => {
      await store.add({ ids: ['a', 'b', 'c'], vectors: rows([1, 0], [0, 1], [1, 1]) });
      same(await store.delete(['a', 'nobody', 'c', 'a']), 2, 'delete()');
      same((await store.search(rows([1, 0]))).map(idsOf), [['b']], 'after it');
      same(await store.count(), 1, 'count()');
      await store.add({ ids: ['a'], vectors: rows([-1, 0]) });
      const found = await store.get(['a', 'c', 'b', 'a']);
      same(
        found.map((row) => row?.id),
        ['a', undefined, 'b', 'a'],
        'get()',
      );
      near([...found[0]!.vector], [-1, 0]);
    }),
    check('keeps vectors at length 1, and ids as they are', 3, async (store) => {
      const ids = [
        'naïve',
        'nai\u0308ve',
        '漢字',
        '👩‍👩‍👧',
        ' a ',
        'a',
        "it's; DROP TABLE x",
        '{"id":1}',
        '../x',
        '%_\\',
        '1',
        '01',
        'A',
      ];
      await store.add({ ids, vectors: random(ids.length, 3, 3) });
      const found = await store.get(ids);
      same(
        found.map((row) => row?.id),
        ids,
        'ids',
      );
      for (const row of found) near([Math.hypot(...row!.vector)], [1]);
      const [hits] = await store.search(rows([1, 0, 0]), { k: 100 });
      same(idsOf(hits!).sort(), [...ids].sort(), 'ids that are found');
      same(await store.delete(['a', "it's; DROP TABLE x", '%_\\']), 3, 'delete()');
      same(await store.count(), ids.length - 3, 'count()');
    }),
    check('leaves the rows that a filter names', 2, async (store) => {
      const count = 60;
      await store.add({
        ids: Array.from({ length: count }, (_, i) => `row ${i}`),
        vectors: new Matrix(
          Float32Array.from({ length: 2 * count }, (_, i) => Math.cos(i + 1)),
          [count, 2],
        ),
        metadata: Array.from({ length: count }, (_, i) => ({
          folder: i % 3 === 0 ? 'a' : "b's",
          number: i / 2,
          day: `2024-0${1 + (i % 9)}-15T00:00:00.000Z`,
          tags: [`t${i % 5}`, 'all'],
          nothing: [],
          ...(i % 2 === 0 && { even: true }),
          ...(i === 7 && { 'a-b c': 'x', größe: 1 }),
        })),
      });
      const cases: [Filter, (i: number) => boolean][] = [
        [{ folder: 'a' }, (i) => i % 3 === 0],
        [{ folder: "b's", even: true }, (i) => i % 3 !== 0 && i % 2 === 0],
        [{ even: null }, (i) => i % 2 === 1],
        [{ nothing: null, other: null }, () => true],
        [{ even: false }, () => false],
        [{ number: 2.5 }, (i) => i === 5],
        [{ number: '2.5' }, () => false],
        [{ number: { gte: 10, lt: 12 } }, (i) => i >= 20 && i < 24],
        [{ number: { gt: 29 } }, (i) => i > 58],
        [{ day: { gte: '2024-08-01T00:00:00.000Z' } }, (i) => i % 9 >= 7],
        [{ tags: 't3' }, (i) => i % 5 === 3],
        [{ tags: { in: ['t1', 't2', 7] } }, (i) => [1, 2].includes(i % 5)],
        [{ folder: { in: [] } }, () => false],
        [{ $or: [{ number: 3 }, { folder: 'a', tags: 't0' }] }, (i) => i === 6 || i % 15 === 0],
        [{ $not: { tags: 't3' } }, (i) => i % 5 !== 3],
        [{ $not: { $or: [{ even: true }, { folder: 'a' }] } }, (i) => i % 2 === 1 && i % 3 !== 0],
        [{ 'a-b c': 'x' }, (i) => i === 7],
        [{ größe: { lte: 1 } }, (i) => i === 7],
        [{ unknown: 1 }, () => false],
        [{}, () => true],
      ];
      for (const [filter, fits] of cases) {
        const wanted = Array.from({ length: count }, (_, i) => i)
          .filter(fits)
          .map((i) => `row ${i}`);
        const [hits] = await store.search(rows([1, 1]), { k: 100, filter });
        same(idsOf(hits!).sort(), wanted.sort(), JSON.stringify(filter));
        same(await store.count(filter), wanted.length, `count(${JSON.stringify(filter)})`);
      }
    }),
    check('finds what comparing all rows finds, for one query and for many', 32, async (store) => {
      const vectors = random(500, 32, 1);
      const ids = Array.from({ length: 500 }, (_, i) => String(i));
      for (let first = 0; first < 500; first += 125) {
        const part = new Matrix(vectors.data.subarray(first * 32, (first + 125) * 32), [125, 32]);
        await store.add({ ids: ids.slice(first, first + 125), vectors: part });
      }
      const queries = random(20, 32, 2);
      const found = await store.search(queries);
      let right = 0;
      for (const [q, hits] of found.entries()) {
        const wanted = new Set(bestOf(queries.row(q), vectors).slice(0, 10).map(String));
        right += hits.filter(({ id }) => wanted.has(id)).length;
        const scores = hits.map(({ score }) => score);
        same(
          scores,
          [...scores].sort((a, b) => b - a),
          'the order of scores',
        );
        const [alone] = await store.search(new Matrix(queries.row(q).slice(), [1, 32]));
        if (recall === 1) same(idsOf(alone!), idsOf(hits), 'a query alone');
      }
      ensure(right >= recall * 200, `found ${right} of 200, expected ${recall * 200}`);
    }),
    check('refuses what cannot be, and does nothing of it', 2, async (store) => {
      await store.add({ ids: ['a'], vectors: rows([1, 0]) });
      await refused('a vector of zeros', store.add({ ids: ['b', 'c'], vectors: rows([1, 0], [0, 0]) }));
      await refused('NaN', store.add({ ids: ['b', 'c'], vectors: rows([1, 0], [Number.NaN, 0]) }));
      await refused('an id twice', store.add({ ids: ['b', 'b'], vectors: rows([1, 0], [0, 1]) }));
      await refused('an empty id', store.add({ ids: ['b', ''], vectors: rows([1, 0], [0, 1]) }));
      await refused('another width', store.add({ ids: ['b'], vectors: rows([1, 0, 0]) }));
      await refused(
        'a Date',
        store.add({ ids: ['b'], vectors: rows([1, 0]), metadata: [{ day: new Date() as never }] }),
      );
      await refused('a query of another width', store.search(rows([1, 0, 0])));
      await refused('a query of zeros', store.search(rows([0, 0])));
      await refused('k of 0', store.search(rows([1, 0]), { k: 0 }));
      await refused('an unknown comparison', store.search(rows([1, 0]), { filter: { a: { like: 'x' } as never } }));
      same(await store.count(), 1, 'count()');
    }),
    check('does calls at once as if one after the other', 4, async (store) => {
      const adding = Array.from({ length: 12 }, (_, i) =>
        store.add({ ids: [`row ${i}`, 'same'], vectors: random(2, 4, i), metadata: [{ i }, { i }] }),
      );
      await Promise.all([...adding, store.search(rows([1, 0, 0, 0])), store.count()]);
      same(await store.count(), 13, 'count()');
    }),
    {
      name: 'refuses calls once it is closed',
      run: async () => {
        const store = await create(2);
        await store.close();
        await store.close();
        await refused('a search', store.search(rows([1, 0])));
        await refused('add()', store.add({ ids: ['a'], vectors: rows([1, 0]) }));
      },
    },
  ];
}

function rows(...values: number[][]): Matrix {
  return new Matrix(Float32Array.from(values.flat()), [values.length, values[0]!.length]);
}

/** [rows, width], normally distributed, of length 10 or so. */
function random(count: number, width: number, seed: number): Matrix {
  return new Matrix(
    new Generator(seed).normal(count * width).map((x) => 10 * x),
    [count, width],
  );
}

function idsOf(hits: readonly Hit[]): string[] {
  return hits.map(({ id }) => id);
}

function bestOf(query: Float32Array, vectors: Matrix): number[] {
  const scores = Array.from({ length: vectors.shape[0] }, (_, row) => {
    const vector = vectors.row(row);
    return vector.reduce((sum, x, i) => sum + x * query[i]!, 0) / Math.hypot(...vector);
  });
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
}

function same(got: unknown, wanted: unknown, what: string): void {
  const [a, b] = [sorted(got), sorted(wanted)];
  ensure(a === b, () => `${what}: expected ${b}, got ${a}`);
}

/** JSON with the keys of objects in order. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part === undefined
        ? 'undefined'
        : part,
  );
}

function near(got: readonly number[], wanted: readonly number[]): void {
  ensure(
    got.length === wanted.length && got.every((x, i) => Math.abs(x - wanted[i]!) < 1e-3),
    () => `expected ${wanted}, got ${got}`,
  );
}

async function refused(what: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    ensure(isDiptychError(error), () => `${what} ends in ${String(error)}, which is no DiptychError`);
    return;
  }
  ensure(false, `${what} is taken`);
}
