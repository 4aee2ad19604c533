import { ConfigError } from '@diptych/core';
import { COLUMN, isColumn, type Metadata, type MetadataValue } from './metadata.js';

/** What a column is compared with by {@link Condition}. */
export type FilterValue = string | number | boolean;

/**
 * What a column's value has to be. A value: equal, of the same type (of a list: one of its texts is). null: there is none, or an empty list. `in`: one of
 * these. `gt`, `gte`, `lt`, `lte`: above, below, of numbers or of text by its characters' numbers (dates as ISO 8601 has them). All of an
 * object's conditions have to hold.
 */
export type Condition =
  | FilterValue
  | null
  | {
      readonly in?: readonly FilterValue[];
      readonly gt?: string | number;
      readonly gte?: string | number;
      readonly lt?: string | number;
      readonly lte?: string | number;
    };

/**
 * Which rows count: all columns that it names have to fit.
 *
 * ```ts ignore
 * { folder: 'holidays', year: { gte: 2020 }, tag: { in: ['sea', 'beach'] }, $not: { hidden: true } }
 * { $or: [{ folder: 'a' }, { folder: 'b', year: 2024 }] }
 * ```
 */
export type Filter = {
  readonly [column: string]: Condition | Filter | readonly Filter[] | undefined;
} & {
  /** At least one of these holds. */
  readonly $or?: readonly Filter[];
  /** This does not hold. */
  readonly $not?: Filter;
};

/** A filter in parts that a store can translate. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly part: FilterNode }
  | { readonly kind: 'missing'; readonly column: string }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly FilterValue[] }
  | {
      readonly kind: 'range';
      readonly column: string;
      readonly op: RangeOp;
      readonly value: string | number;
    };

/** Greater or less than. */
export type RangeOp = 'gt' | 'gte' | 'lt' | 'lte';

const RANGE_OPS: readonly RangeOp[] = ['gt', 'gte', 'lt', 'lte'];

/**
 * @returns the filter's parts
 * @throws ConfigError for one that cannot be understood
 */
export function parseFilter(where: string, filter: Filter): FilterNode {
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw wrong(where, 'a filter as an object', filter, "{ folder: 'a' }");
  }
  const parts = Object.entries(filter).flatMap(([column, condition]): FilterNode[] => {
    if (condition === undefined) return [];
    if (column === '$not') return [{ kind: 'not', part: parseFilter(where, condition as Filter) }];
    if (column === '$or') {
      if (!Array.isArray(condition)) throw wrong(where, '$or with a list of filters', condition);
      return [{ kind: 'or', parts: condition.map((part: Filter) => parseFilter(where, part)) }];
    }
    if (column.startsWith('$')) throw wrong(where, '$or or $not', column, 'all columns of a filter have to fit anyway');
    if (!isColumn(column)) throw wrong(where, COLUMN, column);
    return conditionParts(where, column, condition as Condition);
  });
  return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
}

function conditionParts(where: string, column: string, condition: Condition): FilterNode[] {
  const place = `${where}: ${column}`;
  if (condition === null) return [{ kind: 'missing', column }];
  if (isFilterValue(condition)) return [{ kind: 'in', column, values: [condition] }];
  if (typeof condition !== 'object' || Array.isArray(condition)) {
    throw wrong(place, 'a value, null, or { in, gt, gte, lt, lte }', condition, 'for one of several: { in: […] }');
  }
  const parts = Object.entries(condition).flatMap(([op, value]): FilterNode[] => {
    if (value === undefined) return [];
    if (op === 'in') {
      if (!Array.isArray(value) || !value.every(isFilterValue)) throw wrong(place, 'in with a list of values', value);
      return [{ kind: 'in', column, values: value }];
    }
    if (!RANGE_OPS.includes(op as RangeOp)) throw wrong(place, 'in, gt, gte, lt or lte', op);
    if (typeof value !== 'string' && !(typeof value === 'number' && Number.isFinite(value))) {
      throw wrong(place, `${op} with a number or text`, value);
    }
    return [{ kind: 'range', column, op: op as RangeOp, value }];
  });
  if (parts.length === 0) throw wrong(place, 'in, gt, gte, lt or lte', 'an empty object');
  return parts;
}

/** Whether a row fits. */
export function matches(node: FilterNode, metadata: Metadata): boolean {
  switch (node.kind) {
    case 'and':
      return node.parts.every((part) => matches(part, metadata));
    case 'or':
      return node.parts.some((part) => matches(part, metadata));
    case 'not':
      return !matches(node.part, metadata);
    case 'missing':
      return cell(metadata, node.column) === null;
    case 'in':
      return some(cell(metadata, node.column), (value) => node.values.includes(value as FilterValue));
    case 'range':
      return some(cell(metadata, node.column), (value) => compares(value, node.op, node.value));
  }
}

/** The columns that it looks at. */
export function columnsOf(node: FilterNode): string[] {
  if (node.kind === 'not') return columnsOf(node.part);
  if ('parts' in node) return [...new Set(node.parts.flatMap(columnsOf))];
  return [node.column];
}

function cell(metadata: Metadata, column: string): MetadataValue {
  const value = Object.hasOwn(metadata, column) ? (metadata[column] ?? null) : null;
  return Array.isArray(value) && value.length === 0 ? null : value;
}

function some(value: MetadataValue, holds: (value: string | number | boolean | null) => boolean): boolean {
  return Array.isArray(value) ? value.some(holds) : holds(value as string | number | boolean | null);
}

function compares(value: unknown, op: RangeOp, limit: string | number): boolean {
  if (typeof value !== typeof limit) return false;
  const [a, b] = [value as string, limit as string]; // or numbers: they compare alike
  if (op === 'gt') return a > b;
  if (op === 'gte') return a >= b;
  return op === 'lt' ? a < b : a <= b;
}

function isFilterValue(value: unknown): value is FilterValue {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
}

function wrong(where: string, expected: string, got: unknown, remedy?: string): ConfigError {
  const shown = typeof got === 'string' ? got : (JSON.stringify(got) ?? typeof got);
  return new ConfigError({ where, expected, got: shown.slice(0, 200), remedy });
}
