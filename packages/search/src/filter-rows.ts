import { setImmediate as nextTurn } from 'node:timers/promises';
import { columnsOf, type FilterNode, matches } from './filter.js';
import { newBits, setBit } from './format/bits.js';
import type { Segment } from './format/segment.js';
import type { Metadata, MetadataValue } from './metadata.js';

/** Filters whose rows are remembered by segment. */
const REMEMBERED = 16;
/** Rows that are parsed before other work has its turn. */
const ROWS_AT_A_TIME = 16_384;

/**
 * Which rows of a segment a filter leaves. Segments do not change, so columns that a filter looked at, and rows that it left, are
 * kept: the first filter on a column parses the metadata of all rows (about a second for a million), later ones do not.
 */
export class SegmentFilter {
  readonly #segment: Segment;
  readonly #columns = new Map<string, MetadataValue[]>();
  readonly #found = new Map<string, Uint8Array>();
  #parsing: Promise<void> = Promise.resolve();

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  async rows(node: FilterNode): Promise<Uint8Array> {
    const key = JSON.stringify(node);
    const known = this.#found.get(key);
    if (known) return known;
    await this.#parse(columnsOf(node));
    const bits = newBits(this.#segment.rows);
    const columns = columnsOf(node).map((name) => [name, this.#columns.get(name)!] as const);
    for (let row = 0; row < this.#segment.rows; row++) {
      const metadata: Record<string, MetadataValue> = {};
      for (const [name, values] of columns) metadata[name] = values[row]!;
      if (matches(node, metadata)) setBit(bits, row);
    }
    this.#found.set(key, bits);
    if (this.#found.size > REMEMBERED) this.#found.delete(this.#found.keys().next().value!);
    return bits;
  }

  #parse(columns: readonly string[]): Promise<void> {
    this.#parsing = this.#parsing.then(() => this.#readColumns(columns.filter((name) => !this.#columns.has(name))));
    return this.#parsing;
  }

  async #readColumns(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const { rows } = this.#segment;
    const read = names.map((name) => ({
      name,
      values: new Array<MetadataValue>(rows),
      once: new Map<string, string>(),
    }));
    for (let from = 0; from < rows; from += ROWS_AT_A_TIME) {
      const records = this.#segment.records(from, Math.min(rows, from + ROWS_AT_A_TIME));
      for (const [i, record] of records.entries()) {
        const metadata = record.metadata === '' ? undefined : (JSON.parse(record.metadata) as Metadata);
        for (const { name, values, once } of read) {
          const value = metadata && Object.hasOwn(metadata, name) ? metadata[name]! : null;
          values[from + i] = typeof value === 'string' ? sameText(once, value) : value;
        }
      }
      await nextTurn();
    }
    for (const { name, values } of read) this.#columns.set(name, values);
  }
}

/** Equal texts of a column once in memory. */
function sameText(once: Map<string, string>, text: string): string {
  const known = once.get(text);
  if (known !== undefined) return known;
  if (once.size < 65_536) once.set(text, text);
  return text;
}
