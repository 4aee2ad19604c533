import { DataError } from './data-error.js';
import { decodeUtf8 } from './io/utf8.js';
import type { Origin } from './origin.js';

/** What a caption may be. */
export interface CaptionLimits {
  /** Longest caption in UTF-16 units. */
  readonly maxCaptionLength: number;
}

/**
 * Checks the captions of one row. Bad ones among several are rejected one by one and the others kept.
 *
 * @returns the usable captions (one as a string), or undefined where none is left and the row is to be dropped
 */
export function checkCaptions(
  value: unknown,
  key: string,
  origin: Origin,
  { maxCaptionLength }: CaptionLimits,
  reject: (error: DataError) => void,
): string | string[] | undefined {
  if (value instanceof Uint8Array) {
    const text = textFromBytes(value, key, origin, reject);
    return text === undefined ? undefined : checkCaptions(text, key, origin, { maxCaptionLength }, reject);
  }
  if (typeof value === 'string') return isUsable(value, key, origin, maxCaptionLength, reject) ? value : undefined;
  if (!Array.isArray(value)) {
    reject(
      new DataError('wrong-type', origin, {
        expected: `a string or a list of strings under "${key}"`,
        got: describe(value),
        remedy: 'write captions as text',
      }),
    );
    return undefined;
  }
  if (value.length === 0) {
    reject(
      new DataError('empty-caption', origin, {
        expected: `at least one caption under "${key}"`,
        got: 'none',
        remedy: 'write one or remove the pair',
      }),
    );
    return undefined;
  }
  const usable: string[] = [];
  for (const entry of value as unknown[]) {
    const caption = entry instanceof Uint8Array ? textFromBytes(entry, key, origin, reject) : entry;
    if (entry instanceof Uint8Array && caption === undefined) continue;
    if (typeof caption !== 'string') {
      reject(
        new DataError('wrong-type', origin, {
          expected: `only strings in the list "${key}"`,
          got: describe(caption),
          remedy: 'write captions as text',
        }),
      );
    } else if (isUsable(caption, key, origin, maxCaptionLength, reject)) {
      usable.push(caption);
    }
  }
  if (usable.length === 0) return undefined;
  return usable.length === 1 ? usable[0] : usable;
}

/** Text that a table keeps as bytes, as Impala, Hive and old Spark write strings into Parquet. */
function textFromBytes(
  bytes: Uint8Array,
  key: string,
  origin: Origin,
  reject: (error: DataError) => void,
): string | undefined {
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    reject(
      new DataError('invalid-utf8', origin, {
        expected: `text, or bytes that are UTF-8, under "${key}"`,
        got: 'other bytes',
        remedy: 'name the column of captions: fields: { text }; or convert it',
      }),
    );
  }
  return text;
}

function isUsable(
  caption: string,
  key: string,
  origin: Origin,
  maxLength: number,
  reject: (error: DataError) => void,
): boolean {
  if (caption.length > maxLength) {
    reject(
      new DataError('caption-too-long', origin, {
        expected: `a caption of at most ${maxLength} characters under "${key}"`,
        got: `${caption.length} characters`,
        remedy: 'shorten it or raise maxCaptionLength',
      }),
    );
    return false;
  }
  if (caption.trim() === '') {
    reject(
      new DataError('empty-caption', origin, {
        expected: `text under "${key}"`,
        got: 'an empty caption',
        remedy: 'write a caption or remove the pair',
      }),
    );
    return false;
  }
  if (LONE_SURROGATE.test(caption)) {
    reject(
      new DataError('lone-surrogate', origin, {
        expected: `well-formed Unicode under "${key}"`,
        got: 'half a surrogate pair, a character that was cut in two',
        remedy: 'write the file again with whole characters',
      }),
    );
    return false;
  }
  return true;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** A value as an error names it: `a number`, `null`, `a list`. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
