import { crc32 } from 'node:zlib';
import { StoreError } from '@diptych/core';
import { readAt } from '@diptych/core/node';
import { blockOffset, rowsOfBlock, storedRowBytes, type VectorSection } from '../format/vector-section.js';

/** One file's rows, as threads are told of them. */
export interface ScanSegment {
  /** Its own number, never used for another. */
  readonly id: number;
  readonly path: string;
  /** Open for reading; threads of a process share the numbers of files. */
  readonly fd: number;
  readonly section: VectorSection;
}

const PAGE = 65_536;

/**
 * Blocks of rows in WebAssembly memory. They stay where they were read until the memory is used up; what does not fit goes through
 * one place that each such block overwrites. A scan reads all blocks in order, for which that is the best there is: of an
 * index twice as large as memory, half is read again.
 */
export class BlockStore {
  readonly memory: WebAssembly.Memory;
  readonly #slotBytes: number;
  readonly #limit: number;
  readonly #streamed: number;
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  #end: number;
  /** Bytes read from files so far. */
  bytesRead = 0;

  /**
   * @param slotBytes what a block takes at most
   * @param first where slots begin; what is below it is the caller's
   * @param limit bytes that all slots may take together
   */
  constructor(memory: WebAssembly.Memory, first: number, slotBytes: number, limit: number) {
    this.memory = memory;
    this.#slotBytes = aligned(slotBytes);
    this.#streamed = first;
    this.#end = first + this.#slotBytes;
    this.#limit = Math.min(first + limit, 65_535 * PAGE);
    this.#grow(this.#end);
  }

  /** Where a block lies in memory now; other blocks may be read over it afterwards. */
  place(segment: ScanSegment, block: number): number {
    const key = `${segment.id}:${block}`;
    const held = this.#slots.get(key);
    if (held !== undefined) return held;
    const slot = this.#free.pop() ?? this.#another();
    const place = slot ?? this.#streamed;
    try {
      this.#read(segment, block, place);
    } catch (error) {
      if (slot !== undefined) this.#free.push(slot);
      throw error;
    }
    if (slot !== undefined) this.#slots.set(key, slot);
    return place;
  }

  /** Gives up the blocks of segments that are no more. */
  keepOnly(ids: ReadonlySet<number>): void {
    for (const [key, slot] of this.#slots) {
      if (ids.has(Number.parseInt(key, 10))) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
    }
  }

  #another(): number | undefined {
    const slot = this.#end;
    if (slot + this.#slotBytes > this.#limit) return undefined;
    try {
      this.#grow(slot + this.#slotBytes);
    } catch {
      return undefined; // the system has no more memory to give
    }
    this.#end = slot + this.#slotBytes;
    return slot;
  }

  #grow(bytes: number): void {
    const missing = bytes - this.memory.buffer.byteLength;
    // in steps, since each makes all views anew
    if (missing > 0)
      this.memory.grow(Math.min(Math.ceil(missing / PAGE) + 255, 65_535 - this.memory.buffer.byteLength / PAGE));
  }

  #read({ fd, path, section }: ScanSegment, block: number, place: number): void {
    const bytes = rowsOfBlock(section, block) * storedRowBytes(section.precision, section.embedDim);
    const target = new Uint8Array(this.memory.buffer, place, bytes);
    if (readAt(fd, target, blockOffset(section, block)) < bytes) throw damagedBlock(path, block, 'it ends before that');
    this.bytesRead += bytes;
    if (crc32(target) !== section.checksums[block]) throw damagedBlock(path, block, 'its checksum is another');
  }
}

/** Up to a multiple of 64. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

function damagedBlock(path: string, block: number, problem: string): StoreError {
  return new StoreError({
    where: `search: ${path}`,
    expected: `block ${block} of its vectors as it was written`,
    problem,
    remedy: 'the disk damaged it: restore the index from a copy, or embed these rows again into a new one',
  });
}
