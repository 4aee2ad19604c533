import { closeSync, fstatSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { StoreError } from '@diptych/core';
import { readAt } from '@diptych/core/node';
import { decodeRow, hasFactors, type Precision, rowBytes } from '../precision.js';
import type { ScanSegment } from '../scan/block-store.js';
import { hashOfId, type IdTable, keyOfId, rowsWithHash } from './id-table.js';
import { END_MAGIC, type PlainSection, type SegmentFooter, TEXT_PIECE, TRAILER_BYTES } from './segment-footer.js';
import { blockCount, blockOffset, rowsOfBlock, storedRowBytes, type VectorSection } from './vector-section.js';

/** What an index keeps with a row, beside its vector. */
export interface StoredRecord {
  readonly id: string;
  /** JSON, '' for none. */
  readonly metadata: string;
}

let scanIds = 0;

/**
 * An open segment. Opening reads its end, whatever its size; tables are read when they are first needed. The file stays
 * open, so that a reader goes on with it after a writer has removed it.
 */
export class Segment {
  readonly number: number;
  readonly path: string;
  readonly footer: SegmentFooter;
  readonly #fd: number;
  readonly #scanIds = new Map<Precision, number>();
  #table: IdTable | undefined;
  #ends: Uint32Array | undefined;
  readonly #checkedText = new Set<number>();
  #users = 1;

  private constructor(number: number, path: string, fd: number, footer: SegmentFooter) {
    this.number = number;
    this.path = path;
    this.#fd = fd;
    this.footer = footer;
  }

  /**
   * @param bytes what the log says of the file's size
   * @throws StoreError for a file of another size or with a damaged end; the file system's error if there is none
   */
  static open(path: string, number: number, bytes: number): Segment {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size !== bytes) throw damaged(path, `${bytes} bytes`, String(size));
      return new Segment(number, path, fd, readFooter(fd, path, size));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  get rows(): number {
    return this.footer.rows;
  }

  /** Another snapshot uses it. */
  retain(): this {
    this.#users++;
    return this;
  }

  /** Closes the file with the last of those that use it. */
  release(): void {
    if (--this.#users === 0) closeSync(this.#fd);
  }

  /** As threads need it. */
  scanned(precision: Precision): ScanSegment {
    const id = this.#scanIds.get(precision) ?? scanIds++;
    this.#scanIds.set(precision, id);
    return { id, path: this.path, fd: this.#fd, section: this.section(precision) };
  }

  section(precision: Precision): VectorSection {
    return this.footer.vectors.find((section) => section.precision === precision)!;
  }

  /** Rows with an id: one at most. */
  rowOf(id: string): number | undefined {
    return this.#rowsWithHash(hashOfId(id)).find((row) => this.record(row).id === id);
  }

  /** The row whose id has this key. */
  rowOfKey(key: bigint): number | undefined {
    return this.#rowsWithHash(Number(key >> 32n)).find((row) => keyOfId(this.record(row).id) === key);
  }

  #rowsWithHash(hash: number): Uint32Array {
    const { hashes, hashRows } = this.footer;
    this.#table ??= { hashes: this.#numbers(hashes), rows: this.#numbers(hashRows) };
    return rowsWithHash(this.#table, hash);
  }

  /** Id and metadata of a row. */
  record(row: number): StoredRecord {
    return this.records(row, row + 1)[0]!;
  }

  /** Those of rows from `from` to before `to`. */
  records(from: number, to: number): StoredRecord[] {
    this.#ends ??= this.#numbers(this.footer.offsets);
    const ends = this.#ends;
    const first = ends[2 * from]!;
    const text = this.#readText(first, ends[2 * to]! - first);
    const part = (i: number) => text.toString('utf8', ends[i]! - first, ends[i + 1]! - first);
    return Array.from({ length: to - from }, (_, i) => ({
      id: part(2 * (from + i)),
      metadata: part(2 * (from + i) + 1),
    }));
  }

  /** Pairs of segment and row. */
  kills(): Uint32Array {
    return this.#numbers(this.footer.kills);
  }

  /** A row's vector, as exactly as it is stored, into `out`. */
  readVector(row: number, out: Float32Array): void {
    const section = this.footer.vectors.at(-1)!;
    const { precision, embedDim, blockRows } = section;
    const bytes = rowBytes(precision, embedDim);
    const block = Math.floor(row / blockRows);
    const start = blockOffset(section, block);
    const at = row - block * blockRows;
    if (precision === 'float32') {
      readInto(this.#fd, this.path, start + at * bytes, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
      return;
    }
    const stored = this.#read(start + at * bytes, bytes);
    const factors = start + rowsOfBlock(section, block) * bytes;
    const factor = hasFactors(precision) ? this.#read(factors + 4 * at, 4).readFloatLE() : 1;
    decodeRow(precision, stored, factor, out);
  }

  /** One block with its factors, checked. */
  readBlock(precision: Precision, block: number): Buffer {
    const section = this.section(precision);
    const bytes = rowsOfBlock(section, block) * storedRowBytes(precision, section.embedDim);
    const content = this.#read(blockOffset(section, block), bytes);
    if (crc32(content) !== section.checksums[block]) {
      throw damaged(this.path, `block ${block} of its vectors as it was written`, 'another checksum');
    }
    return content;
  }

  /** Reads everything and compares checksums. @throws StoreError for what is damaged */
  verify(): void {
    for (const section of this.footer.vectors) {
      for (let block = 0; block < blockCount(section); block++) this.readBlock(section.precision, block);
    }
    const { hashes, hashRows, offsets, text, kills } = this.footer;
    this.#readText(0, text.bytes);
    for (const [name, section] of Object.entries({ hashes, hashRows, offsets, kills })) {
      let checksum = 0;
      for (let done = 0; done < section.bytes; done += 2 ** 24) {
        checksum = crc32(this.#read(section.offset + done, Math.min(2 ** 24, section.bytes - done)), checksum);
      }
      if (checksum !== section.checksum)
        throw damaged(this.path, `its ${name} as they were written`, 'another checksum');
    }
  }

  /** Pieces are checked when they are first read. */
  #readText(from: number, bytes: number): Buffer {
    const { offset, checksums, bytes: all } = this.footer.text;
    for (let piece = Math.floor(from / TEXT_PIECE); piece * TEXT_PIECE < from + bytes; piece++) {
      if (this.#checkedText.has(piece)) continue;
      const start = piece * TEXT_PIECE;
      const content = this.#read(offset + start, Math.min(TEXT_PIECE, all - start));
      if (crc32(content) !== checksums[piece]) {
        throw damaged(this.path, 'its ids and metadata as they were written', 'another checksum');
      }
      this.#checkedText.add(piece);
    }
    return this.#read(offset + from, bytes);
  }

  #numbers(section: PlainSection): Uint32Array {
    const bytes = this.#read(section.offset, section.bytes);
    if (crc32(bytes) !== section.checksum)
      throw damaged(this.path, 'its tables as they were written', 'another checksum');
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }

  #read(offset: number, bytes: number): Buffer {
    return readAll(this.#fd, this.path, offset, bytes);
  }
}

function readFooter(fd: number, path: string, size: number): SegmentFooter {
  const trailer =
    size >= TRAILER_BYTES ? readAll(fd, path, size - TRAILER_BYTES, TRAILER_BYTES) : Buffer.alloc(TRAILER_BYTES);
  if (trailer.toString('latin1', 8) !== END_MAGIC) throw damaged(path, 'the end of a segment', 'other bytes');
  const length = trailer.readUInt32LE(0);
  if (length > size - TRAILER_BYTES) throw damaged(path, 'the end of a segment', 'other bytes');
  const json = readAll(fd, path, size - TRAILER_BYTES - length, length);
  if (crc32(json) !== trailer.readUInt32LE(4)) throw damaged(path, 'a footer as it was written', 'another checksum');
  const footer = JSON.parse(json.toString()) as SegmentFooter;
  if (footer.version !== 1) {
    throw new StoreError({
      where: `search: ${path}`,
      expected: 'a segment of version 1',
      got: String(footer.version),
      remedy: 'a later version of @diptych/search wrote it: use that one',
    });
  }
  return footer;
}

function readAll(fd: number, path: string, offset: number, bytes: number): Buffer {
  const buffer = Buffer.from(new ArrayBuffer(bytes)); // not of the pool: numbers are read in place
  readInto(fd, path, offset, buffer);
  return buffer;
}

function readInto(fd: number, path: string, offset: number, target: Uint8Array): void {
  if (readAt(fd, target, offset) < target.length) {
    throw damaged(path, `${target.length} bytes from ${offset} on`, 'its end');
  }
}

function damaged(path: string, expected: string, got: string): StoreError {
  return new StoreError({
    where: `search: ${path}`,
    expected,
    got,
    remedy: 'it is damaged: restore the index from a copy, or embed its rows again into a new one',
  });
}
