import { checkCaptions, describe } from '../captions.js';
import { DataError } from '../data-error.js';
import { imageAt } from '../io/image-path.js';
import type { ImageRef, Origin, PairRecord } from '../record.js';

/** Names of the columns or keys that hold a pair. */
export interface Fields {
  /** Path of the image, or its bytes (Parquet); `image` by default. */
  readonly image: string;
  /** Caption or list of captions; `text` by default, `caption` where a row has no `text`. */
  readonly text: string;
  /** Identity of the pair's positives; `id` by default, may be absent. */
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
  readonly reject: (error: DataError) => void;
}

/**
 * One row (a parsed JSON object, a CSV record, a Parquet row) as a record; undefined where it was rejected.
 *
 * @param item the row's number in its source
 */
export function recordFromRow(row: unknown, item: number, origin: Origin, reader: RowReader): PairRecord | undefined {
  const { fields, limits, reject } = reader;
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    reject(
      new DataError('wrong-type', origin, {
        expected: 'an object { image, text }',
        got: describe(row),
        remedy: 'write one object a row',
      }),
    );
    return undefined;
  }
  const values = row as Record<string, unknown>;
  const imageKey = fields.image ?? 'image';
  const textKey = fields.text ?? (values.text === undefined && values.caption !== undefined ? 'caption' : 'text');
  for (const key of [imageKey, textKey]) {
    if (values[key] === undefined || values[key] === null) {
      reject(
        new DataError('missing-key', origin, {
          expected: `the key "${key}"`,
          got: `the keys ${listKeys(values)}`,
          remedy: 'add it, or name the right ones: fields: { image, text, id }',
        }),
      );
      return undefined;
    }
  }
  try {
    const image = imageFromValue(values[imageKey], imageKey, origin, reader);
    const text = checkCaptions(values[textKey], textKey, origin, limits, reject);
    if (text === undefined) return undefined;
    return { id: idOf(values, reader, origin, image.path), item, image: image.ref, text, origin };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    reject(error);
    return undefined;
  }
}

/** A path, bytes, or the hub's struct of both: `{ bytes, path }`. */
function imageFromValue(
  value: unknown,
  key: string,
  origin: Origin,
  { root, allowOutsideRoot }: RowReader,
): { ref: ImageRef; path?: string } {
  if (typeof value === 'string') return { ref: imageAt(value, root, origin, allowOutsideRoot), path: value };
  if (value instanceof Uint8Array) return { ref: fromBytes(value, origin) };
  if (typeof value === 'object' && value !== null) {
    const { bytes, path } = value as { bytes?: unknown; path?: unknown };
    if (bytes instanceof Uint8Array) return { ref: fromBytes(bytes, origin) };
    if (typeof path === 'string') return { ref: imageAt(path, root, origin, allowOutsideRoot), path };
  }
  throw new DataError('wrong-type', origin, {
    expected: `the path or the bytes of an image under "${key}"`,
    got: describe(value),
    remedy: 'name the right key: fields: { image }',
  });
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

function idOf(values: Record<string, unknown>, { fields }: RowReader, origin: Origin, path?: string): string {
  const id = values[fields.id ?? 'id'];
  if (typeof id === 'string' && id !== '') return id;
  if (typeof id === 'number' || typeof id === 'bigint') return String(id);
  return path ?? `${origin.file}:${origin.line ?? origin.row}`;
}

function listKeys(values: Record<string, unknown>): string {
  const keys = Object.keys(values);
  const shown = keys.slice(0, 8).map((key) => JSON.stringify(key.slice(0, 40)));
  return shown.length === 0 ? '(none)' : shown.join(', ') + (keys.length > shown.length ? ', …' : '');
}
