import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PairRecord } from '../record.js';
import { firstFit, type PlannedBatch, type PlannedRow, type PlanOptions, planBatches } from './plan.js';

function row(item: number, keys: readonly string[], length = 1): PlannedRow {
  const record: PairRecord = {
    id: String(item),
    item,
    image: { kind: 'file', path: `${item}.jpg` },
    text: 'x'.repeat(length),
    origin: { file: 'test', row: item },
  };
  return { record, text: 'x'.repeat(length), context: { training: false, seed: 0, epoch: 0, item }, keys };
}

async function plan(rows: readonly PlannedRow[], options: Partial<PlanOptions>): Promise<PlannedBatch[]> {
  const source = (async function* () {
    yield* rows;
  })();
  const batches: PlannedBatch[] = [];
  const defaults = { batchSize: 4, window: 1, shuffle: false, seed: 0, epoch: 0, maxHeldBytes: 2 ** 30 };
  for await (const batch of planBatches(source, { ...defaults, ...options })) batches.push(batch);
  return batches;
}

const someRows = fc
  .array(fc.record({ caption: fc.nat(30), image: fc.nat(30), length: fc.integer({ min: 1, max: 40 }) }), {
    maxLength: 200,
  })
  .map((all) => all.map(({ caption, image, length }, i) => row(i, [`t:${caption}`, `i:${image}`], length)));

describe('planBatches', () => {
  it('keeps every row once, no key twice in a batch, and numbers its batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        someRows,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        async (rows, batchSize, window, byLength) => {
          const lengthsOf = byLength ? (texts: readonly string[]) => texts.map(({ length }) => length) : undefined;
          const batches = await plan(rows, { batchSize, window, shuffle: true, lengthsOf });
          const items = batches.flatMap((batch) => batch.rows.map(({ record }) => record.item));
          expect([...items].sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
          expect(batches.map(({ number }) => number)).toEqual(batches.map((_, i) => i));
          for (const batch of batches) {
            const keys = batch.rows.flatMap((planned) => planned.keys);
            expect(new Set(keys).size).toBe(keys.length);
            expect(batch.rows.length).toBeLessThanOrEqual(batchSize);
            expect(batch.rows.length).toBeGreaterThan(0);
          }
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it('without keys: in the order in which rows come, full but for the last', async () => {
    const batches = await plan(
      Array.from({ length: 10 }, (_, i) => row(i, [])),
      {},
    );
    expect(batches.map((batch) => batch.rows.map(({ record }) => record.item))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
  });

  it('by length: batches of like lengths, in another order by seed', async () => {
    const rows = Array.from({ length: 64 }, (_, i) => row(i, [], 1 + ((i * 37) % 64)));
    const lengthsOf = (texts: readonly string[]) => texts.map(({ length }) => length);
    const read = async (seed: number) =>
      (await plan(rows, { window: 16, shuffle: true, lengthsOf, seed })).map((batch) =>
        batch.rows.map(({ text }) => text.length),
      );
    for (const lengths of await read(1)) expect(Math.max(...lengths) - Math.min(...lengths)).toBe(3);
    expect(await read(1)).not.toEqual(await read(2));
  });

  it('closes a window early when its images take too much memory', async () => {
    const heavy = Array.from({ length: 40 }, (_, i): PlannedRow => {
      const planned = row(i, []);
      return { ...planned, record: { ...planned.record, image: { kind: 'bytes', bytes: new Uint8Array(1000) } } };
    });
    let given = 0;
    const source = (async function* () {
      for (const planned of heavy) {
        given++;
        yield planned;
      }
    })();
    const options = { batchSize: 4, window: 10, shuffle: false, seed: 0, epoch: 0, maxHeldBytes: 5000 };
    const first = await planBatches(source, options).next();
    expect(first.done).toBe(false);
    expect(given).toBeLessThanOrEqual(6);
  });
});

describe('firstFit', () => {
  it('fills the first batch that has room and none of the keys', () => {
    const rows = ['a', 'a', 'b', 'b', 'c', 'c'].map((key, i) => row(i, [key]));
    const { full, rest } = firstFit(rows, 2);
    expect(full.map((batch) => batch.map(({ keys }) => keys[0]).join(''))).toEqual(['ab', 'ab']);
    expect(rest.map((batch) => batch.map(({ keys }) => keys[0]).join(''))).toEqual(['c', 'c']);
  });

  it('takes many rows of one key in linear time', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => row(i, [`t:${i % 2}`]));
    const started = performance.now();
    expect(firstFit(rows, 2).full.length).toBe(10_000);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
