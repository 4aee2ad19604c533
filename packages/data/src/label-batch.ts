import type { PairBatch } from '@diptych/core';
import { DataError } from './data-error.js';
import type { LabelKinds, LabelValues } from './labels.js';
import type { Origin } from './origin.js';
import type { PairRecord } from './record.js';

/** The names of each label's classes, in the order of their numbers. Numbers have none. */
export type LabelNames = Readonly<Record<string, readonly string[]>>;

/** Turns labels into the numbers of a batch. */
export class LabelEncoder {
  readonly names: LabelNames;
  readonly #kinds: LabelKinds;
  readonly #indices: ReadonlyMap<string, ReadonlyMap<string, number>>;

  /** @param names of all labels that are classes, or several of several */
  constructor(kinds: LabelKinds, names: LabelNames) {
    this.names = names;
    this.#kinds = kinds;
    this.#indices = new Map(
      Object.entries(names).map(([label, list]) => [label, new Map(list.map((name, index) => [name, index]))]),
    );
  }

  /** The first name among a pair's labels that there is no number for: [label, name]. */
  unknown(values: LabelValues = {}): readonly [string, string] | undefined {
    for (const [label, kind] of Object.entries(this.#kinds)) {
      if (kind === 'number' || values[label] === undefined) continue;
      const missing = namesIn(values[label]).find((name) => !this.#indices.get(label)?.has(name));
      if (missing !== undefined) return [label, missing];
    }
    return undefined;
  }

  /**
   * A column a label: class numbers [B], -1 where there is none; of several [B, C] with 1 for each that is named, NaN where
   * nothing is said; numbers [B], NaN where there is none.
   */
  encode(rows: readonly (LabelValues | undefined)[]): NonNullable<PairBatch['labels']> {
    return Object.fromEntries(
      Object.entries(this.#kinds).map(([label, kind]) => {
        const values = rows.map((row) => row?.[label]);
        if (kind === 'number') return [label, Float32Array.from(values, (value) => (value as number) ?? Number.NaN)];
        const indices = this.#indices.get(label)!;
        if (kind === 'class') return [label, Int32Array.from(values, (value) => indices.get(value as string) ?? -1)];
        const classes = indices.size;
        const column = new Float32Array(rows.length * classes);
        for (const [row, value] of values.entries()) {
          if (value === undefined) column.fill(Number.NaN, row * classes, (row + 1) * classes);
          else for (const name of namesIn(value)) column[row * classes + indices.get(name)!] = 1;
        }
        return [label, column];
      }),
    );
  }
}

/** Why a pair cannot be used whose label has no number. */
export function unknownLabel(
  origin: Origin,
  [label, name]: readonly [label: string, name: string],
  known: LabelNames,
): DataError {
  const names = known[label]!;
  return new DataError('unknown-label', origin, {
    expected: `the label ${JSON.stringify(label)} to be one of ${names.length} names`,
    got: JSON.stringify(name.slice(0, 60)),
    remedy: `train with this name too, or correct it; known are ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`,
  });
}

/** All names of labels in some records, sorted: whole numbers by size, all else by code unit. */
export async function collectLabelNames(records: AsyncIterable<PairRecord>, kinds: LabelKinds): Promise<LabelNames> {
  const found = new Map<string, Set<string>>();
  for (const [label, kind] of Object.entries(kinds)) if (kind !== 'number') found.set(label, new Set());
  for await (const { labels = {} } of records) {
    for (const [label, names] of found) {
      if (labels[label] !== undefined) for (const name of namesIn(labels[label])) names.add(name);
    }
  }
  return Object.fromEntries([...found].map(([label, names]) => [label, sorted([...names])]));
}

function namesIn(value: LabelValues[string]): readonly string[] {
  return typeof value === 'object' ? value : [String(value)];
}

function sorted(names: string[]): readonly string[] {
  const areNumbers = names.every((name) => /^(0|-?[1-9]\d{0,14})$/.test(name));
  return areNumbers ? names.sort((a, b) => Number(a) - Number(b)) : names.sort();
}
