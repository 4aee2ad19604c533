import { ConfigError } from '@diptych/core';
import { describe } from './captions.js';
import { DataError } from './data-error.js';
import { parseJson } from './io/json.js';
import type { Origin } from './origin.js';

/** One class of several, several of several, or a number. */
export type LabelKind = 'class' | 'multi' | 'number';

/** A label: its kind, and where it stands if not under its own name. */
export interface LabelColumn {
  readonly kind: LabelKind;
  /** Column or key; with dots for nested ones. */
  readonly field?: string;
  /** Between the names in a text of several (`multi`); `|` by default. */
  readonly separator?: string;
}

/** Labels to read beside each pair, by name: `{ group: 'class', tags: 'multi', price: { kind: 'number', field: 'meta.price' } }`. */
export type LabelColumns = Readonly<Record<string, LabelKind | LabelColumn>>;

/** A pair's labels: a class's name, several names, a number. A label that is missing is not there. */
export type LabelValues = Readonly<Record<string, string | readonly string[] | number>>;

/** The kinds of the labels that a source gives. */
export type LabelKinds = Readonly<Record<string, LabelKind>>;

const KINDS: readonly string[] = ['class', 'multi', 'number'];

/**
 * @throws ConfigError for a kind that there is not
 */
export function labelKinds(where: string, columns: LabelColumns | undefined): LabelKinds | undefined {
  if (columns === undefined) return undefined;
  const kinds = Object.entries(columns).map(([name, column]) => {
    const kind = typeof column === 'string' ? column : column?.kind;
    if (KINDS.includes(kind)) return [name, kind] as const;
    throw new ConfigError({
      where,
      expected: `labels.${name} to be 'class', 'multi' or 'number'`,
      got: JSON.stringify(column) ?? 'nothing',
    });
  });
  return Object.fromEntries(kinds);
}

/**
 * The labels of one row.
 *
 * @param read the value under a field
 * @throws DataError `wrong-type`
 */
export function readLabels(
  columns: LabelColumns,
  read: (field: string) => unknown,
  origin: Origin,
): LabelValues | undefined {
  const entries = Object.entries(columns).flatMap(([name, column]) => {
    const { kind, field = name, separator = '|' } = typeof column === 'string' ? { kind: column } : column;
    const value = labelFrom(read(field), kind, separator, field, origin);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

function labelFrom(value: unknown, kind: LabelKind, separator: string, field: string, origin: Origin) {
  if (isMissing(value)) return undefined;
  if (kind === 'class') return className(value, field, origin);
  if (kind === 'multi') return listOf(value, separator).map((item) => className(item, field, origin));
  const number = typeof value === 'string' ? Number(value.trim()) : Number(value);
  if (typeof value !== 'object' && Number.isFinite(number)) return number;
  throw wrongLabel(value, 'a number', field, origin);
}

/** `["a", "b"]`, also as text in a cell; `a|b`. */
function listOf(value: unknown, separator: string): readonly unknown[] {
  if (Array.isArray(value)) return value.filter((item) => !isMissing(item));
  if (typeof value !== 'string') return [value];
  if (value.trimStart().startsWith('[')) {
    try {
      const list = parseJson(value);
      if (Array.isArray(list)) return list;
    } catch {
      // A name that begins with a bracket.
    }
  }
  return value
    .split(separator)
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function className(value: unknown, field: string, origin: Origin): string {
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  throw wrongLabel(value, 'a name or a number', field, origin);
}

function isMissing(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() === '';
  return value === undefined || value === null || Number.isNaN(value);
}

function wrongLabel(value: unknown, expected: string, field: string, origin: Origin): DataError {
  return new DataError('wrong-type', origin, {
    expected: `${expected} as label "${field}"`,
    got: typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : describe(value),
    remedy: 'correct it, leave it empty, or declare another kind of label',
  });
}
