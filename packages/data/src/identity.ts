import { createHash } from 'node:crypto';
import type { SourceFile } from './io/address.js';
import { pathBelow } from './io/address.js';
import { decodeUtf8 } from './io/utf8.js';

/**
 * Makes the ids of one file's pairs. An id never stands for two different items unless the user says that they are the
 * same:
 *
 * - an id that the user wrote belongs to its file: in a source of several files it is `label#id`, for most ids are counted
 *   from 0 in each file anew; `sharedIds` says that they mean the same item everywhere
 * - a picture's path is the way to it from the folder that all of the source's files share, so that `./a.jpg` and `a.jpg`
 *   are one picture and two folders' `a.jpg` are two
 * - all else is its place in its file
 */
export class FileIds {
  readonly #label: string;
  readonly #apart: boolean;
  readonly #base: string;

  /**
   * @param file its label tells it from the source's other files
   * @param base the folder that pictures' paths are shortened by
   * @param apart ids that the user wrote belong to this file alone
   */
  constructor({ label }: SourceFile, base: string, apart: boolean) {
    this.#label = label.replaceAll('%', '%25').replaceAll('#', '%23');
    this.#base = base;
    this.#apart = apart;
  }

  /** Of an id that the user wrote. */
  given(id: string): string {
    return this.#apart ? `${this.#label}#${id}` : id;
  }

  /** Of a picture in a file of its own. */
  picture(path: string): string {
    return pathBelow(this.#base, path);
  }

  /** Of a line or row without a name: `pairs.jsonl:12`. */
  place(position: number): string {
    return `${this.#label}:${position}`;
  }

  /** Of a member of an archive: `shard-000.tar/000017`. */
  member(key: string): string {
    return `${this.#label}/${key}`;
  }
}

/**
 * An id as written in a field: numbers and bytes as text with all their digits; undefined where there is none (missing,
 * empty, not a number). Numbers that double precision rounded are no ids: two of them could be one by accident.
 *
 * @returns `rounded` for a number beyond 2^53 that came as a double
 */
export function idFromValue(value: unknown): string | undefined | typeof ROUNDED {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return undefined;
    return Math.abs(value) > Number.MAX_SAFE_INTEGER ? ROUNDED : String(value);
  }
  if (value instanceof Uint8Array) return textOfBytes(value);
  return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
}

/** Text that a table keeps as bytes; other bytes as hexadecimal digits. */
function textOfBytes(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  return text === undefined || /\p{Cc}/u.test(text) ? `0x${Buffer.from(bytes).toString('hex')}` : text;
}

export const ROUNDED = Symbol('a number that was rounded');

/** A few letters that tell contents apart. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
}
