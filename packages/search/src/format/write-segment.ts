import { crc32 } from 'node:zlib';
import { writeFileAtomically } from '@diptych/core/node';
import type { Precision } from '../precision.js';
import { makeIdTable } from './id-table.js';
import {
  END_MAGIC,
  type PlainSection,
  type SegmentFooter,
  START_BYTES,
  START_MAGIC,
  TEXT_PIECE,
  type TextSection,
} from './segment-footer.js';
import { blockRowsOf, storedRowBytes, type VectorSection } from './vector-section.js';

/** What goes into a segment. */
export interface SegmentRows {
  readonly embedDim: number;
  readonly ids: readonly string[];
  /** JSON of each row's metadata, '' where it has none. */
  readonly metadata: readonly string[];
  /** The precision that is scanned, and the one that the best are compared in again, if any. */
  readonly precisions: readonly Precision[];
  /** Writes rows from `from` to before `to` as they are stored, then their factors if the precision has any. */
  fill(precision: Precision, from: number, to: number, block: Uint8Array): void;
  /** Rows of older segments that are replaced or deleted: number of the segment, row, and so on. */
  readonly kills: Uint32Array;
}

/**
 * Writes a segment file: vectors in blocks, the table of ids, ids with metadata, what it kills in older segments, and at
 * its end where all that lies. There is the whole file afterwards, or none.
 *
 * @returns its bytes
 */
export async function writeSegment(path: string, rows: SegmentRows): Promise<number> {
  const writing = new SegmentWriting(rows);
  await writeFileAtomically(path, writing.pieces());
  return writing.offset;
}

class SegmentWriting {
  offset = 0;
  readonly #rows: SegmentRows;
  readonly #vectors: VectorSection[] = [];

  constructor(rows: SegmentRows) {
    this.#rows = rows;
  }

  *pieces(): Generator<Uint8Array> {
    const { ids, metadata, kills, precisions, embedDim } = this.#rows;
    const start = new Uint8Array(START_BYTES);
    start.set(Buffer.from(START_MAGIC));
    yield this.#piece(start);
    for (const precision of precisions) yield* this.#blocks(precision);
    const table = makeIdTable(ids);
    const hashes = yield* this.#plain([bytesOf(table.hashes)]);
    const hashRows = yield* this.#plain([bytesOf(table.rows)]);
    const ends = new Uint32Array(2 * ids.length + 1);
    const text = yield* this.#text(textOf(ids, metadata, ends));
    const offsets = yield* this.#plain([bytesOf(ends)]);
    const killed = yield* this.#plain([bytesOf(kills)]);
    const footer: SegmentFooter = {
      version: 1,
      rows: ids.length,
      embedDim,
      vectors: this.#vectors,
      hashes,
      hashRows,
      offsets,
      text,
      kills: killed,
    };
    const json = Buffer.from(JSON.stringify(footer));
    const end = Buffer.alloc(8);
    end.writeUInt32LE(json.length, 0);
    end.writeUInt32LE(crc32(json), 4);
    for (const piece of [json, end, Buffer.from(END_MAGIC)]) yield this.#piece(piece);
  }

  *#blocks(precision: Precision): Generator<Uint8Array> {
    const { embedDim, ids } = this.#rows;
    const blockRows = blockRowsOf(precision, embedDim);
    const { offset } = this;
    const checksums: number[] = [];
    const bytes = storedRowBytes(precision, embedDim);
    const buffer = new Uint8Array(Math.min(blockRows, ids.length) * bytes);
    for (let from = 0; from < ids.length; from += blockRows) {
      const to = Math.min(ids.length, from + blockRows);
      const block = buffer.subarray(0, (to - from) * bytes);
      this.#rows.fill(precision, from, to, block);
      checksums.push(crc32(block));
      yield this.#piece(block);
    }
    this.#vectors.push({ precision, embedDim, rows: ids.length, blockRows, offset, checksums });
  }

  *#plain(pieces: Iterable<Uint8Array>): Generator<Uint8Array, PlainSection> {
    // multiples of 8, so that numbers are aligned where a file is mapped
    if (this.offset % 8 > 0) yield this.#piece(new Uint8Array(8 - (this.offset % 8)));
    const { offset } = this;
    let checksum = 0;
    for (const piece of pieces) {
      checksum = crc32(piece, checksum);
      yield this.#piece(piece);
    }
    return { offset, bytes: this.offset - offset, checksum };
  }

  *#text(parts: Iterable<Uint8Array>): Generator<Uint8Array, TextSection> {
    const { offset } = this;
    const checksums: number[] = [];
    for (const part of parts) {
      for (let done = 0; done < part.length; ) {
        const at = (this.offset - offset) % TEXT_PIECE;
        const piece = part.subarray(done, done + TEXT_PIECE - at);
        if (at === 0) checksums.push(0);
        checksums.push(crc32(piece, checksums.pop()));
        done += piece.length;
        yield this.#piece(piece);
      }
    }
    return { offset, bytes: this.offset - offset, checksums };
  }

  #piece(bytes: Uint8Array): Uint8Array {
    this.offset += bytes.length;
    return bytes;
  }
}

/** Ids and metadata in pieces of about a megabyte; `ends` receives where each begins and ends. */
function* textOf(ids: readonly string[], metadata: readonly string[], ends: Uint32Array): Generator<Uint8Array> {
  let parts: string[] = [];
  let size = 0;
  let end = 0;
  for (let row = 0; row < ids.length; row++) {
    for (const [i, part] of [ids[row]!, metadata[row]!].entries()) {
      const bytes = Buffer.byteLength(part);
      parts.push(part);
      size += bytes;
      end += bytes;
      ends[2 * row + i + 1] = end;
    }
    if (size < 2 ** 20) continue;
    yield Buffer.from(parts.join(''));
    parts = [];
    size = 0;
  }
  yield Buffer.from(parts.join(''));
}

function bytesOf(numbers: Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
