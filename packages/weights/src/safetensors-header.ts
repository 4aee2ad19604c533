import { formatShape, WeightsError } from '@diptych/core';
import { STORED_DTYPES } from './dtypes.js';
import { describeForeignFormat } from './foreign-format.js';
import { sizeOf, type TensorInfo } from './tensor-collection.js';

/**
 * Longest header that is read, as the reference implementation draws the line; longer ones are refused before anything is
 * allocated for them. A checkpoint of 5,000 tensors has half a megabyte.
 */
export const MAX_HEADER_BYTES = 100e6;

/** Bytes before the header: its length as a little-endian 64-bit integer. */
export const PREFIX_BYTES = 8;

/** What {@link readHeaderLength} looks at: the length, and the first character of the header. */
export const LOOKED_AT_BYTES = 64;

const OPENING_BRACE = 0x7b;
/** Fields of a tensor's entry; others are read over. */
const FIELDS: ReadonlySet<string> = new Set(['dtype', 'shape', 'data_offsets']);

/** A tensor's place in the file. */
export interface StoredTensor extends TensorInfo {
  /** First byte, counted from the start of the file. */
  readonly offset: number;
}

/** The checked header of a safetensors file. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header's length from the first bytes of a file, and checks what can be checked before memory is set aside
 * for a header.
 *
 * @param prefix the first {@link LOOKED_AT_BYTES} bytes (fewer where the file is shorter)
 * @param fileSize bytes of the whole file
 * @returns bytes of the header, at most {@link MAX_HEADER_BYTES} and at most what the file holds
 * @throws WeightsError
 */
export function readHeaderLength(where: string, prefix: Uint8Array, fileSize: number): number {
  if (fileSize < PREFIX_BYTES || prefix.length < PREFIX_BYTES) {
    throw malformed(where, { expected: 'a safetensors file of at least 8 bytes', got: `${fileSize} bytes` });
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const available = fileSize - PREFIX_BYTES;
  const first = prefix[PREFIX_BYTES];
  const isHeader = length === 0 || first === OPENING_BRACE || (first !== undefined && isJsonSpace(first));
  // Only now: a header of 640 bytes starts as a pickle of protocol 2 does.
  const foreign = length > available || !isHeader ? describeForeignFormat(where, prefix) : undefined;
  if (foreign) throw foreign;
  if (length > available) {
    throw malformed(where, {
      problem: `the header claims ${length} bytes, but only ${available} follow`,
      remedy: 'the file is cut short or is no safetensors file: download it again',
    });
  }
  if (length > MAX_HEADER_BYTES) {
    throw malformed(where, { expected: `a header of at most ${MAX_HEADER_BYTES} bytes`, got: `${length} bytes` });
  }
  if (!isHeader) {
    throw malformed(where, { expected: 'a JSON object as header', got: `a first byte of ${first}, not of {` });
  }
  return length;
}

/**
 * Parses and checks a header: every tensor has a known dtype, a size that fits its shape, and the tensors cover the
 * data without overlap, gap or remainder, as the format demands.
 *
 * What opens and what is refused is what safetensors 0.8 opens and refuses (`SafeTensors::read_metadata`; 130 headers in
 * `reference/gen_safetensors_fixtures.py`): `__metadata__` may be null, fields that are not known are read over, an entry may
 * be a list of its three fields, sizes are written as whole numbers, of a tensor that stands twice the last entry counts.
 *
 * @param header the header's bytes, without the length before it
 * @param fileSize bytes of the whole file
 * @throws WeightsError if a rule is broken
 */
export function parseHeader(where: string, header: Uint8Array, fileSize: number): SafetensorsHeader {
  const text = decodeUtf8(where, header);
  const entries = parseJsonObject(where, text);
  checkText(where, text);

  const dataStart = PREFIX_BYTES + header.length;
  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(entries)) {
    if (!isWellFormed(name)) throw malformed(where, { problem: `the name ${quote(name)} is half a character` });
    if (name === '__metadata__') metadata = entry === null ? {} : readMetadata(where, entry);
    else tensors.set(name, readEntry(where, name, entry, dataStart));
  }
  checkCoverage(where, tensors, dataStart, fileSize);
  return { tensors, metadata };
}

function decodeUtf8(where: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed(where, { problem: 'the header is not UTF-8' }, cause);
  }
}

function parseJsonObject(where: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(where, { problem: `the header is not JSON (${(cause as Error).message.slice(0, 120)})` }, cause);
  }
  if (!isPlainObject(value)) throw malformed(where, { expected: 'a JSON object as header', got: typeof value });
  return value;
}

function readMetadata(where: string, value: unknown): Record<string, string> {
  if (!isPlainObject(value) || Object.values(value).some((item) => typeof item !== 'string' || !isWellFormed(item))) {
    throw malformed(where, { expected: '__metadata__ to map strings to strings' });
  }
  return value as Record<string, string>;
}

function readEntry(where: string, name: string, entry: unknown, dataStart: number): StoredTensor {
  const place = `${where}: tensor ${quote(name)}`;
  if (!isPlainObject(entry) && !(Array.isArray(entry) && entry.length === FIELDS.size)) {
    throw malformed(place, { expected: 'an object with dtype, shape and data_offsets' });
  }
  const [dtype, shape, offsets]: unknown[] = Array.isArray(entry)
    ? entry
    : [entry.dtype, entry.shape, entry.data_offsets];
  const stored = typeof dtype === 'string' && Object.hasOwn(STORED_DTYPES, dtype) ? STORED_DTYPES[dtype] : undefined;
  if (typeof dtype !== 'string' || !stored) {
    throw malformed(place, { expected: `a dtype of ${Object.keys(STORED_DTYPES).join(', ')}`, got: quote(dtype) });
  }
  if (!isSizeList(shape)) throw malformed(place, { expected: 'a shape of whole numbers', got: quote(shape) });
  if (!isSizeList(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw malformed(place, { expected: 'data_offsets [begin, end] with begin <= end', got: quote(offsets) });
  }
  const byteLength = offsets[1]! - offsets[0]!;
  const wanted = (sizeOf(shape) * stored.bits) / 8;
  if (wanted !== byteLength) {
    throw malformed(place, {
      expected: `${wanted} bytes for ${dtype} ${formatShape(shape.slice(0, 8))}`,
      got: `${byteLength}`,
    });
  }
  return { storedDtype: dtype, shape, byteLength, offset: dataStart + offsets[0]! };
}

function checkCoverage(where: string, tensors: ReadonlyMap<string, StoredTensor>, start: number, end: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  let position = start;
  for (const [name, { offset, byteLength }] of inOrder) {
    if (offset !== position) {
      const problem = offset < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw malformed(`${where}: tensor ${quote(name)}`, {
        problem: `${problem} (starts at data byte ${offset - start}, not ${position - start})`,
      });
    }
    position += byteLength;
  }
  if (position !== end) {
    const problem =
      position > end
        ? `the tensors need ${position - start} bytes of data, the file has ${end - start}`
        : `${end - position} bytes follow the last tensor`;
    throw malformed(where, { problem, remedy: 'the file is damaged: download or write it again' });
  }
}

/**
 * What `JSON.parse` takes and the reference does not: a field of an entry or `__metadata__` that stands twice, and sizes
 * written as 1.0 or 1e0. Walks the text, which is known to be valid JSON.
 */
function checkText(where: string, text: string): void {
  // for each open object its keys, for each open list undefined
  const open: (Set<string> | undefined)[] = [];
  let field: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, i);
      let next = end + 1;
      while (isJsonSpace(text.charCodeAt(next))) next++;
      if (text[next] === ':' && open.length <= 2) {
        const key = JSON.parse(text.slice(i, end + 1)) as string;
        field = open.length === 2 ? key : undefined;
        const counts = open.length === 1 ? key === '__metadata__' : FIELDS.has(key);
        const keys = open.at(-1)!;
        if (counts && keys.has(key)) throw malformed(where, { problem: `the header has the key ${quote(key)} twice` });
        keys.add(key);
      }
      i = end;
    } else if (open.length === 3 && open[2] === undefined && (field === 'shape' || field === 'data_offsets')) {
      if (character === '.' || character === 'e' || character === 'E' || character === '-') {
        throw malformed(where, { expected: `a ${field} of whole numbers`, got: `a number with ${quote(character)}` });
      }
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}

function isJsonSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizeList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** False for text with half a surrogate pair, which UTF-8 cannot have. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function malformed(
  where: string,
  parts: { expected?: string; got?: string; problem?: string; remedy?: string },
  cause?: unknown,
): WeightsError {
  return new WeightsError({ where, ...parts }, { cause });
}
