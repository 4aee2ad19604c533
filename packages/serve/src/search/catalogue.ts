import type { MatrixData } from '@diptych/core';
import type { Metadata, MetadataValue, RowBlock, VectorStore } from '@diptych/search';
import type { InfoColumn } from '../api/schemas.js';

/** Values of a column that are told apart; a column with more is not one to choose from. */
const DISTINCT = 1000;
/** Values that are shown. */
const SHOWN = 200;

interface Listing {
  rows(): AsyncIterable<RowBlock>;
}

/** What an index holds, seen once from end to end: columns with their values, and the middle of all vectors. */
export interface Catalogue {
  readonly columns: readonly InfoColumn[];
  /** [1, embedDim]; undefined where the store cannot list its rows, or has none. */
  readonly middle: MatrixData | undefined;
}

export const EMPTY_CATALOGUE: Catalogue = { columns: [], middle: undefined };

/** Reads a whole index; a store that cannot list its rows has an empty catalogue. */
export async function readCatalogue(store: VectorStore): Promise<Catalogue> {
  const listing = store as VectorStore & Partial<Listing>;
  if (typeof listing.rows !== 'function') return EMPTY_CATALOGUE;
  const columns = new Map<string, Column>();
  const sum = new Float32Array(store.embedDim);
  for await (const { metadata, vectors } of listing.rows()) {
    for (const row of metadata) addRow(columns, row);
    for (let i = 0; i < vectors.data.length; i++) sum[i % sum.length]! += vectors.data[i]!;
  }
  return {
    columns: [...columns].map(([name, column]) => column.describe(name)),
    middle: sum.some((x) => x !== 0) ? { data: sum, shape: [1, sum.length] } : undefined,
  };
}

function addRow(columns: Map<string, Column>, row: Metadata): void {
  for (const [name, value] of Object.entries(row)) {
    if (value === null) continue;
    const column = columns.get(name) ?? new Column(value);
    columns.set(name, column);
    column.add(value);
  }
}

class Column {
  readonly #kind: InfoColumn['kind'];
  #counts: Map<string | number | boolean, number> | undefined = new Map();
  #min: string | number | undefined;
  #max: string | number | undefined;

  constructor(first: MetadataValue) {
    const kinds = { string: 'text', number: 'number', boolean: 'flag' } as const;
    this.#kind = kinds[typeof first as keyof typeof kinds] ?? 'list';
  }

  add(value: MetadataValue): void {
    for (const one of Array.isArray(value) ? value : [value as string | number | boolean]) {
      if (typeof one !== 'boolean') {
        if (this.#min === undefined || one < this.#min) this.#min = one;
        if (this.#max === undefined || one > this.#max) this.#max = one;
      }
      if (!this.#counts) continue;
      this.#counts.set(one, (this.#counts.get(one) ?? 0) + 1);
      if (this.#counts.size > DISTINCT) this.#counts = undefined;
    }
  }

  describe(name: string): InfoColumn {
    const values = this.#counts && [...this.#counts].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
    return {
      name,
      kind: this.#kind,
      ...(values && { values: values.map(([value, rows]) => ({ value, rows })) }),
      ...(this.#min !== undefined && { min: this.#min, max: this.#max }),
    };
  }
}
