import { ConfigError, type SampleContext, SampleRandom, shuffle, siteOf } from '@diptych/core';
import { heldBytes, type PairRecord } from '../record.js';

/** A pair on its way into a batch: a record with one caption chosen. */
export interface PlannedRow {
  readonly record: PairRecord;
  readonly text: string;
  readonly context: SampleContext;
  /** What no two rows of a batch may share; empty where anything goes. */
  readonly keys: readonly string[];
}

/** The rows of a batch before any image is decoded. Only an epoch's last ones are short. */
export interface PlannedBatch {
  /** Position in the epoch, from 0. */
  readonly number: number;
  readonly rows: readonly PlannedRow[];
}

/** How rows are put together. */
export interface PlanOptions {
  readonly batchSize: number;
  /** Rows that are sorted by length together, in batches; 1 keeps the order in which rows come. */
  readonly window: number;
  /** Lengths by which a window is sorted. */
  readonly lengthsOf?: (texts: readonly string[]) => readonly number[];
  /** Shuffles the batches of a window. */
  readonly shuffle: boolean;
  readonly seed: number;
  readonly epoch: number;
  /** A window with more image bytes in memory is closed early. */
  readonly maxHeldBytes: number;
}

/**
 * Groups rows into batches: in the order in which they come, or sorted by length within a window, and without two rows
 * that share a key. Rows that do not fit wait for a later batch; none is lost.
 *
 * @throws ConfigError where so many rows share keys that no batch can be filled
 */
export async function* planBatches(
  rows: AsyncIterable<PlannedRow>,
  options: PlanOptions,
): AsyncGenerator<PlannedBatch> {
  const { batchSize, window, maxHeldBytes } = options;
  const patience = window * batchSize + Math.max(20 * batchSize, 10_000);
  let pending: PlannedRow[] = [];
  let held = 0;
  let wanted = window * batchSize;
  let windowNumber = 0;
  let number = 0;

  const close = (final: boolean): PlannedRow[][] => {
    const { full, rest } = firstFit(sortByLength(pending, options), batchSize);
    // What is left over comes first next time, in the order in which it came.
    const left = new Set(rest.flat());
    pending = final ? [] : pending.filter((row) => left.has(row));
    held = pending.reduce((sum, { record }) => sum + heldBytes(record), 0);
    const batches = shuffleBatches(full, options, windowNumber++);
    return final ? [...batches, ...rest] : batches;
  };

  for await (const row of rows) {
    pending.push(row);
    held += heldBytes(row.record);
    const heavy = held > maxHeldBytes && pending.length >= batchSize;
    if (pending.length < wanted && !heavy) continue;
    const before = pending.length;
    const batches = close(false);
    for (const batch of batches) yield { number: number++, rows: batch };
    if (batches.length > 0) {
      wanted = Math.max(window * batchSize, pending.length + 1);
    } else {
      // Duplicates are in the way: more rows may help. Growing by a share keeps the work linear.
      wanted = before + Math.max(1, batchSize >> 2, before >> 2);
      if (before > patience) throw tooManyDuplicates(pending, batchSize);
    }
  }
  for (const batch of close(true)) yield { number: number++, rows: batch };
}

/**
 * Puts each row into the first open batch that has room and none of the row's keys.
 *
 * @returns batches of exactly `batchSize` rows, and the ones that stayed short
 */
export function firstFit(
  rows: readonly PlannedRow[],
  batchSize: number,
): { full: PlannedRow[][]; rest: PlannedRow[][] } {
  const full: PlannedRow[][] = [];
  const batches: { rows: PlannedRow[]; keys: Set<string>; open: boolean }[] = [];
  // Where a key's search begins: all batches before are full or hold the key. Without it, one caption that comes a
  // thousand times would cost a million comparisons.
  const starts = new Map<string, number>();
  let firstOpen = 0;
  for (const row of rows) {
    let index = Math.max(firstOpen, ...row.keys.map((key) => starts.get(key) ?? 0));
    while (index < batches.length && (!batches[index]!.open || row.keys.some((key) => batches[index]!.keys.has(key)))) {
      index++;
    }
    batches[index] ??= { rows: [], keys: new Set(), open: true };
    const batch = batches[index]!;
    batch.rows.push(row);
    for (const key of row.keys) batch.keys.add(key);
    if (batch.rows.length === batchSize) {
      batch.open = false;
      full.push(batch.rows);
    }
    while (batches[firstOpen]?.open === false) firstOpen++;
    for (const key of row.keys) {
      let start = Math.max(firstOpen, starts.get(key) ?? 0);
      while (start < batches.length && (!batches[start]!.open || batches[start]!.keys.has(key))) start++;
      starts.set(key, start);
    }
  }
  return { full, rest: batches.filter(({ open }) => open).map((batch) => batch.rows) };
}

function sortByLength(rows: readonly PlannedRow[], { lengthsOf }: PlanOptions): readonly PlannedRow[] {
  if (!lengthsOf || rows.length === 0) return rows;
  const lengths = lengthsOf(rows.map(({ text }) => text));
  const order = rows.map((_, i) => i).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  return order.map((i) => rows[i]!);
}

function shuffleBatches(batches: PlannedRow[][], options: PlanOptions, window: number) {
  const { seed, epoch } = options;
  if (!options.shuffle || batches.length < 2) return batches;
  const random = new SampleRandom({ training: true, seed, epoch, item: window }, siteOf('data/batch-order'));
  return shuffle(batches, random);
}

function tooManyDuplicates(pending: readonly PlannedRow[], batchSize: number): ConfigError {
  const keys = new Set(pending.flatMap((row) => row.keys));
  return new ConfigError({
    where: 'data.DataLoader',
    expected: `batches of ${batchSize} pairs without equal captions or images`,
    got: `${pending.length} pairs in a row that share ${keys.size} captions and images`,
    remedy: 'lower batchSize, shuffle, or set unique: false',
  });
}
