import {
  ConfigError,
  checkMatrix,
  checkOptions,
  InputError,
  type MatrixData,
  type OptionNames,
  printable,
} from '@diptych/core';
import type { Metric } from './format/commit-log.js';
import { checkMetadata, isText } from './metadata.js';
import type { SearchOptions, StoreRows } from './vector-store.js';

/** Rows that are in order. */
export interface CheckedRows {
  readonly ids: readonly string[];
  /** JSON, '' for none. */
  readonly metadata: readonly string[];
  /** A row as it is compared: of length 1 with metric `cosine`. Valid until the next call. */
  vector(row: number): Float32Array;
}

const ROWS: OptionNames<StoreRows> = { ids: 'required', vectors: 'required', metadata: 'optional' };
const MAX_ID = 4096;
/** Products of longer vectors might not be finite float32. */
const MAX_LENGTH = 1e18;

/**
 * Checks rows before anything is done with them.
 *
 * @throws ConfigError, ShapeError or InputError that names the row
 */
export function checkRows(where: string, rows: StoreRows, embedDim: number, metric: Metric): CheckedRows {
  checkOptions(where, rows, ROWS);
  const { ids, vectors, metadata } = rows;
  checkMatrix(where, 'vectors', vectors, embedDim);
  checkIds(where, ids);
  const [count] = vectors.shape;
  for (const [what, list] of Object.entries({ ids, metadata })) {
    if (list === undefined || (Array.isArray(list) && list.length === count)) continue;
    const got = Array.isArray(list) ? String(list.length) : typeof list;
    throw new ConfigError({ where, expected: `${what} for each of ${count} vectors`, got });
  }
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) {
      throw new InputError({
        where,
        expected: 'each id once in a call',
        got: `"${printable(id)}" twice`,
        remedy: 'drop one of the rows: which of the two would stay is not for the index to say',
      });
    }
    seen.add(id);
  }
  const texts = ids.map((id, row) => {
    const own = metadata?.[row];
    if (own === undefined) return '';
    checkMetadata(`${where}: metadata of "${printable(id)}"`, own);
    return JSON.stringify(own);
  });
  return { ids, metadata: texts, vector: checkedVectors(where, vectors, metric, (row) => `"${printable(ids[row]!)}"`) };
}

/** @throws ConfigError unless it is a list of texts that can be ids */
export function checkIds(where: string, ids: readonly string[]): void {
  if (!Array.isArray(ids)) throw new ConfigError({ where, expected: 'ids as a list', got: typeof ids });
  for (const [row, id] of ids.entries()) {
    if (typeof id === 'string' && id !== '' && id.length <= MAX_ID && isText(id)) continue;
    const got =
      typeof id !== 'string'
        ? `${id === null ? 'null' : typeof id} in place ${row}`
        : id === ''
          ? `an empty one in place ${row}`
          : id.length > MAX_ID
            ? `one of ${id.length} in place ${row}`
            : `one with a zero character or half a character in place ${row}`;
    throw new InputError({
      where,
      expected: `ids as text of 1 to ${MAX_ID} characters`,
      got,
      remedy: 'String(id) for numbers',
    });
  }
}

/**
 * Queries as they are compared.
 *
 * @throws ShapeError or InputError that names the query
 */
export function checkQueries(where: string, queries: MatrixData, embedDim: number, metric: Metric): Float32Array {
  checkMatrix(where, 'queries', queries, embedDim);
  const vector = checkedVectors(where, queries, metric, (row) => `query ${row}`);
  const out = new Float32Array(queries.data.length);
  for (let row = 0; row < queries.shape[0]; row++) out.set(vector(row), row * embedDim);
  return out;
}

const SEARCH: OptionNames<SearchOptions> = { k: 'optional', filter: 'optional', minScore: 'optional' };

/** @throws ConfigError for options that cannot be */
export function checkSearch(where: string, options: SearchOptions): { readonly k: number; readonly minScore: number } {
  checkOptions(where, options, SEARCH);
  const { k = 10, minScore = Number.NEGATIVE_INFINITY } = options;
  if (!Number.isInteger(k) || k < 1 || k > 1_000_000) {
    throw new ConfigError({ where, expected: 'k as a whole number from 1 to 1,000,000', got: String(k) });
  }
  if (typeof minScore !== 'number' || Number.isNaN(minScore)) {
    throw new ConfigError({ where, expected: 'minScore as a number', got: String(minScore) });
  }
  return { k, minScore };
}

function checkedVectors(
  where: string,
  { data, shape: [count, width] }: MatrixData,
  metric: Metric,
  nameOf: (row: number) => string,
): (row: number) => Float32Array {
  const lengths = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    let squares = 0;
    for (let i = row * width; i < (row + 1) * width; i++) squares += data[i]! * data[i]!;
    lengths[row] = Math.sqrt(squares);
    if (metric === 'cosine' ? squares > 0 && squares < Number.POSITIVE_INFINITY : lengths[row]! <= MAX_LENGTH) continue;
    const got = Number.isNaN(squares) || data.subarray(row * width, (row + 1) * width).some((x) => !Number.isFinite(x));
    throw new InputError({
      where: `${where}: ${nameOf(row)}`,
      expected: got
        ? 'finite numbers'
        : metric === 'cosine'
          ? 'a vector with a direction'
          : `a length of at most ${MAX_LENGTH}`,
      got: got ? 'NaN or infinity' : metric === 'cosine' ? 'zeros' : String(lengths[row]),
      remedy: got ? 'look at what made the vector: a broken picture, or a model that diverged' : undefined,
    });
  }
  const out = new Float32Array(width);
  return (row) => {
    const factor = metric === 'cosine' ? 1 / lengths[row]! : 1;
    for (let i = 0; i < width; i++) out[i] = data[row * width + i]! * factor;
    return out;
  };
}
