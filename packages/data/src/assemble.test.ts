import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Assembled, type AssembleOptions, assembleBatches, type DecodedBatch } from './assemble.js';
import type { PlannedRow } from './sampling/plan.js';

const tokenize = (texts: readonly string[]) => ({
  shape: [texts.length, 1] as const,
  inputIds: Int32Array.from(texts, Number),
  attentionMask: new Int32Array(texts.length).fill(1),
});

function row(item: number, key: number): PlannedRow {
  const record = {
    id: String(item),
    item,
    image: { kind: 'file', path: 'x' },
    text: String(item),
    origin: { file: 'test' },
  } as const;
  return { record, text: String(item), context: { training: false, seed: 0, epoch: 0, item }, keys: [`k${key}`] };
}

/** Planned batches of `size`, decoded: pixel = item, the rows in `failed` without a picture. */
function decoded(items: number, size: number, failed: ReadonlySet<number>, keys = 1000): DecodedBatch[] {
  const batches: DecodedBatch[] = [];
  for (let start = 0; start < items; start += size) {
    const rows = Array.from({ length: Math.min(size, items - start) }, (_, i) => row(start + i, (start + i) % keys));
    const failures = rows.flatMap(({ record }, i) =>
      failed.has(record.item)
        ? [{ row: i, reason: 'undecodable-image' as const, parts: { remedy: 'none, it is a test' } }]
        : [],
    );
    const pixels = Float32Array.from(rows, ({ record }) => (failed.has(record.item) ? Number.NaN : record.item));
    const tokens = failures.length === 0 ? { tokens: tokenize(rows.map(({ text }) => text)) } : {};
    batches.push({ planned: { number: batches.length, rows }, result: { pixels, failures, ...tokens } });
  }
  return batches;
}

async function assemble(batches: DecodedBatch[], options: Partial<AssembleOptions>): Promise<Assembled[]> {
  const source = (async function* () {
    yield* batches;
  })();
  const all: Assembled[] = [];
  const defaults = { batchSize: 4, dropLast: false, imageShape: [1, 1, 1] as const, tokenize, spares: [], planned: 0 };
  for await (const assembled of assembleBatches(source, { ...defaults, ...options })) all.push(assembled);
  return all;
}

describe('assembleBatches', () => {
  it('gives every surviving row once, with its own pixels and tokens, in full batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.nat(119), { maxLength: 60 }),
        fc.boolean(),
        async (items, batchSize, bad, dropLast) => {
          const failed = new Set(bad);
          const all = await assemble(decoded(items, batchSize, failed), { batchSize, dropLast });
          const alive = Array.from({ length: items }, (_, i) => i).filter((item) => !failed.has(item));
          for (const { batch } of all.slice(0, -1)) expect(batch.size).toBe(batchSize);
          for (const { batch } of all) {
            expect([...batch.pixels.data].map(String)).toEqual(batch.ids);
            expect([...batch.tokens.inputIds].map(String)).toEqual(batch.ids);
            if (dropLast) expect(batch.size).toBe(batchSize);
          }
          const given = all.flatMap(({ batch }) => batch.ids).map(Number);
          expect(new Set(given).size).toBe(given.length);
          if (dropLast) expect(given.length).toBe(alive.length - (alive.length % batchSize));
          else expect([...given].sort((a, b) => a - b)).toEqual(alive);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it('passes batches without a gap untouched, and breaks up one to fill the gaps of others', async () => {
    const batches = decoded(24, 4, new Set([1, 14]));
    const all = await assemble(batches, {});
    expect(all.map(({ batch }) => batch.ids.join(' '))).toEqual([
      '4 5 6 7',
      '8 9 10 11',
      '12 13 0 15',
      '16 17 18 19',
      '20 21 22 23',
      '2 3',
    ]);
    expect(all[0]!.batch.pixels.data).toBe(batches[1]!.result.pixels);
    expect(all.map(({ state }) => state)).toEqual([
      {
        planned: 2,
        spares: [
          [0, 0],
          [0, 2],
          [0, 3],
        ],
      },
      {
        planned: 3,
        spares: [
          [0, 0],
          [0, 2],
          [0, 3],
        ],
      },
      {
        planned: 4,
        spares: [
          [0, 2],
          [0, 3],
        ],
      },
      {
        planned: 5,
        spares: [
          [0, 2],
          [0, 3],
        ],
      },
      {
        planned: 6,
        spares: [
          [0, 2],
          [0, 3],
        ],
      },
      { planned: 6, spares: [] },
    ]);
  });

  it('puts no two rows with a common key together when it fills gaps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 120 }),
        fc.array(fc.nat(119), { maxLength: 60 }),
        async (items, bad) => {
          const failed = new Set(bad);
          const all = await assemble(decoded(items, 4, failed, 8), {});
          for (const { batch } of all) expect(new Set(batch.ids.map((id) => Number(id) % 8)).size).toBe(batch.size);
          expect(all.reduce((sum, { batch }) => sum + batch.size, 0)).toBe(
            Array.from({ length: items }, (_, i) => i).filter((item) => !failed.has(item)).length,
          );
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});
