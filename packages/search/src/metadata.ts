import { InputError, printable } from '@diptych/core';

/** What a column of metadata may hold. Dates are text as ISO 8601 has them, which sorts as they do. */
export type MetadataValue = string | number | boolean | null | readonly string[];

/** What is kept with a vector: the picture's path, its caption, folder, date. */
export type Metadata = Readonly<Record<string, MetadataValue>>;

/** How a column may be called. */
export const COLUMN = "a column's name of letters, digits, spaces, _ and -, of at most 200 characters";

export function isColumn(name: string): boolean {
  return /^[\p{L}\p{N}\p{M}_][\p{L}\p{N}\p{M} _-]{0,199}$/u.test(name);
}

/** @throws InputError for what is no plain object of such values */
export function checkMetadata(where: string, metadata: unknown): asserts metadata is Metadata {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    const got = Array.isArray(metadata) ? 'an array' : metadata === null ? 'null' : typeof metadata;
    throw new InputError({ where, expected: 'metadata as an object', got });
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (!isColumn(key)) {
      throw new InputError({
        where,
        expected: COLUMN,
        got: `"${printable(key)}"`,
        remedy: 'rename it: stores take some signs for ways into objects, and filters take $ for their own words',
      });
    }
    if (value === undefined || isValue(value)) continue;
    throw new InputError({
      where: `${where}: ${key}`,
      expected: 'text, a finite number, true or false, null, or a list of texts',
      got: value instanceof Date ? 'a Date' : Array.isArray(value) ? 'another list' : describe(value),
      remedy: value instanceof Date ? 'toISOString() makes text of it' : 'convert it, or leave it out',
    });
  }
}

function isValue(value: unknown): value is MetadataValue {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string' && isText(one));
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'string') return isText(value);
  return value === null || typeof value === 'boolean';
}

/** Text that every store keeps: PostgreSQL has no zero characters, UTF-8 no lone surrogates. */
export function isText(text: string): boolean {
  return !/\0|\p{Cs}/u.test(text);
}

function describe(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? 'text with a zero character or half a character' : typeof value;
}

/** Metadata as it is stored: JSON, '' for none. */
export function parseMetadata(json: string): Metadata {
  return json === '' ? {} : (JSON.parse(json) as Metadata);
}
