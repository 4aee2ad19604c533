import { checkCaptions, describe } from '../captions.js';
import { DataError } from '../data-error.js';
import { digestOf, type FileIds, idFromValue } from '../identity.js';
import { imageAt } from '../io/image-path.js';
import { IMAGE_NAME } from '../io/names.js';
import { decodeUtf8 } from '../io/utf8.js';
import { type LabelColumns, readLabels } from '../labels.js';
import type { Origin } from '../origin.js';
import type { ImageRef, PairRecord } from '../record.js';

/** Names of the columns or keys that hold a pair; with dots for nested ones (`meta.caption`). */
export interface Fields {
  /** Path of the image, or its bytes (Parquet); `image` by default, `file_name` (the hub's image folders) where a row has no `image`. */
  readonly image: string;
  /** Caption or list of captions; `text` by default, `caption` where a row has no `text`, or null there. */
  readonly text: string;
  /** Identity of the pair's positives: equal ids in a file mean the same item. `id` by default, may be absent. */
  readonly id: string;
}

/** What one row may hold. */
export interface RowLimits {
  /** Longest caption in UTF-16 units; 65,536 by default. */
  readonly maxCaptionLength: number;
}

/** Limits that no sane row meets. */
export const defaultLimits: RowLimits = Object.freeze({ maxCaptionLength: 65_536 });

/** How rows of one file become records. */
export interface RowReader {
  readonly fields: Partial<Fields>;
  readonly root: string;
  readonly allowOutsideRoot: boolean;
  readonly limits: RowLimits;
  readonly ids: FileIds;
  readonly labels?: LabelColumns;
  readonly reject: (error: DataError) => void;
}

/** The error for something that holds no pair. */
export function notAPair(value: unknown, origin: Origin, remedy: string): DataError {
  return new DataError('wrong-type', origin, { expected: 'an object { image, text }', got: describe(value), remedy });
}

/**
 * One row (a parsed JSON object, a CSV record, a Parquet row) as a record; undefined where it was rejected.
 *
 * @param item the row's number in its source
 */
export function recordFromRow(row: unknown, item: number, origin: Origin, reader: RowReader): PairRecord | undefined {
  const { fields, limits, reject } = reader;
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    reject(notAPair(row, origin, 'write one object a row'));
    return undefined;
  }
  const values = row as Record<string, unknown>;
  const imageKey = fields.image ?? usualKey(IMAGE_KEYS, (key) => isGiven(values[key]));
  const textKey = fields.text ?? usualKey(TEXT_KEYS, (key) => isGiven(values[key]));
  const [imageValue, textValue] = [valueAt(values, imageKey), valueAt(values, textKey)];
  for (const [key, value] of [[imageKey, imageValue] as const, [textKey, textValue] as const]) {
    if (value !== undefined && value !== null) continue;
    reject(
      new DataError('missing-key', origin, {
        expected: `the key "${key}"`,
        got: `the keys ${listKeys(values)}`,
        remedy: 'add it, or name the right ones: fields: { image, text, id }',
      }),
    );
    return undefined;
  }
  try {
    const { ref, id } = imageFromValue(imageValue, imageKey, origin, reader);
    const text = checkCaptions(textValue, textKey, origin, limits, reject);
    if (text === undefined) return undefined;
    const labels = reader.labels && readLabels(reader.labels, (field) => valueAt(values, field), origin);
    const given = givenId(valueAt(values, fields.id ?? 'id'), fields.id, origin, reader.ids);
    const known = given ?? id ?? reader.ids.place(origin.line ?? origin.row ?? item);
    return { id: known, item, image: ref, text, origin, ...(labels && { labels }) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    reject(error);
    return undefined;
  }
}

/** Keys and columns that are looked for where none is named, in this order. */
export const IMAGE_KEYS = ['image', 'file_name'] as const;
export const TEXT_KEYS = ['text', 'caption'] as const;

/** The first of the usual keys that is there; the very first where none is, for messages. */
export function usualKey(keys: readonly [string, ...string[]], isThere: (key: string) => boolean): string {
  return keys.find(isThere) ?? keys[0];
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/**
 * The value under a key; where there is none and the key has dots, the value that they lead to, through lists too:
 * `sentences.raw` of `{ sentences: [{ raw: 'a' }, { raw: 'b' }] }` is `['a', 'b']`.
 */
export function valueAt(values: Readonly<Record<string, unknown>>, key: string): unknown {
  if (Object.hasOwn(values, key)) return values[key];
  return key.includes('.') ? follow(values, key.split('.')) : undefined;
}

function follow(value: unknown, way: readonly string[]): unknown {
  if (way.length === 0) return value;
  if (Array.isArray(value)) return value.map((entry) => follow(entry, way)).filter((found) => found !== undefined);
  const [part, ...rest] = way;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part!)) return undefined;
  return follow((value as Record<string, unknown>)[part!], rest);
}

/**
 * The id that the user wrote, where there is one.
 *
 * @param named the field, where the user named it: what cannot be an id is then refused, else passed over
 * @throws DataError `wrong-type`
 */
export function givenId(value: unknown, named: string | undefined, origin: Origin, ids: FileIds): string | undefined {
  const id = idFromValue(value);
  if (typeof id === 'string') return ids.given(id);
  if (id === undefined || named === undefined) return undefined;
  throw new DataError('wrong-type', origin, {
    expected: `an id under "${named}" that has all its digits`,
    got: 'a number beyond 2^53 in double precision, which others round to as well',
    remedy: 'write it as an integer or as text',
  });
}

/** A path, bytes, or the hub's struct of both: `{ bytes, path }`. */
function imageFromValue(
  value: unknown,
  key: string,
  origin: Origin,
  { root, allowOutsideRoot, ids }: RowReader,
): { ref: ImageRef; id?: string } {
  const fromPath = (path: string) => {
    const ref = imageAt(path, root, origin, allowOutsideRoot);
    return { ref, id: ids.picture(ref.path) };
  };
  if (typeof value === 'string') return fromPath(value);
  if (value instanceof Uint8Array) {
    const path = pathInBytes(value);
    return path === undefined ? { ref: fromBytes(value, origin) } : fromPath(path);
  }
  if (typeof value === 'object' && value !== null) {
    const { bytes, path } = value as { bytes?: unknown; path?: unknown };
    if (bytes instanceof Uint8Array) {
      const ref = fromBytes(bytes, origin);
      // The path beside bytes is a mere name, which other pictures may have: the bytes say which one it is.
      return typeof path === 'string' && path !== '' ? { ref, id: `${path}@${digestOf(bytes)}` } : { ref };
    }
    if (typeof path === 'string') return fromPath(path);
  }
  throw new DataError('wrong-type', origin, {
    expected: `the path or the bytes of an image under "${key}"`,
    got: describe(value),
    remedy: 'name the right key: fields: { image }',
  });
}

/** A path that a table keeps as bytes. No picture's file is as short and all text and ends as a file name does. */
function pathInBytes(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > 4096) return undefined;
  const text = decodeUtf8(bytes);
  return text !== undefined && IMAGE_NAME.test(text) && !/\p{Cc}/u.test(text) ? text : undefined;
}

function fromBytes(bytes: Uint8Array, origin: Origin): ImageRef {
  if (bytes.byteLength === 0) {
    throw new DataError('empty-image', origin, {
      expected: 'an encoded image',
      got: 'no bytes',
      remedy: 'fetch it again or remove the row',
    });
  }
  // A copy of its own: a view would keep a whole page of the file alive, and be cloned with it into a worker.
  return { kind: 'bytes', bytes: new Uint8Array(bytes) };
}

function listKeys(values: Record<string, unknown>): string {
  const keys = Object.keys(values);
  const shown = keys.slice(0, 8).map((key) => JSON.stringify(key.slice(0, 40)));
  return shown.length === 0 ? '(none)' : shown.join(', ') + (keys.length > shown.length ? ', …' : '');
}
