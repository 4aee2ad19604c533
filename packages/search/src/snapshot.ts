import { join } from 'node:path';
import { allBits, clearBit, copyBits, hasBit } from './format/bits.js';
import type { IndexCommit } from './format/commit-log.js';
import { Segment } from './format/segment.js';
import { MAX_SEGMENT_ROWS } from './format/segment-footer.js';

/** A segment with those of its rows that are still there. */
export interface SnapshotPart {
  readonly segment: Segment;
  /** One bit a row; left out while all are there. */
  readonly live?: Uint8Array;
  readonly liveRows: number;
}

/** Where a row is. */
export interface RowPlace {
  readonly part: SnapshotPart;
  readonly row: number;
}

export function segmentPath(folder: string, number: number): string {
  return join(folder, `segment-${String(number).padStart(8, '0')}.dip`);
}

/**
 * An index as it was after one commit. It does not change: whoever searches in it while rows are added or removed sees
 * it to the end as it was.
 */
export class Snapshot {
  readonly commit: IndexCommit;
  readonly parts: readonly SnapshotPart[];
  #users = 1;

  private constructor(commit: IndexCommit, parts: readonly SnapshotPart[]) {
    this.commit = commit;
    this.parts = parts;
  }

  /**
   * @param before whose open segments are used again
   * @throws the file system's error if a segment is gone, StoreError if one is damaged
   */
  static open(folder: string, commit: IndexCommit, before?: Snapshot): Snapshot {
    const known = new Map(before?.parts.map((part) => [part.segment.number, part]));
    const parts = new Map<number, SnapshotPart>();
    try {
      const opened: Segment[] = [];
      for (const [number, rows, bytes] of commit.segments) {
        const old = known.get(number);
        if (old) parts.set(number, { ...old, segment: old.segment.retain() });
        else {
          const segment = Segment.open(segmentPath(folder, number), number, bytes);
          parts.set(number, { segment, liveRows: rows });
          opened.push(segment);
        }
      }
      applyKills(parts, opened);
    } catch (error) {
      for (const { segment } of parts.values()) segment.release();
      throw error;
    }
    return new Snapshot(commit, [...parts.values()]);
  }

  /** Rows that are there. */
  get rows(): number {
    return this.parts.reduce((sum, { liveRows }) => sum + liveRows, 0);
  }

  /** Somebody else uses it, too: its files stay open. */
  retain(): this {
    this.#users++;
    return this;
  }

  /** One of its users does not need it any more. */
  release(): void {
    if (--this.#users > 0) return;
    for (const { segment } of this.parts) segment.release();
  }

  /** Where the row with an id is. */
  find(id: string): RowPlace | undefined {
    return this.#where((segment) => segment.rowOf(id));
  }

  /** Where the row is whose id has this key. */
  findKey(key: bigint): RowPlace | undefined {
    return this.#where((segment) => segment.rowOfKey(key));
  }

  #where(rowIn: (segment: Segment) => number | undefined): RowPlace | undefined {
    for (const part of this.parts) {
      if (part.liveRows === 0) continue;
      const row = rowIn(part.segment);
      if (row !== undefined && (!part.live || hasBit(part.live, row))) return { part, row };
    }
    return undefined;
  }

  /** Keys name rows in their order: the part's place, then the row. */
  keyOf(part: number): number {
    return part * MAX_SEGMENT_ROWS;
  }

  placeOf(key: number): RowPlace {
    return { part: this.parts[Math.floor(key / MAX_SEGMENT_ROWS)]!, row: key % MAX_SEGMENT_ROWS };
  }
}

/** Takes away the rows that newly opened segments replace or delete. */
function applyKills(parts: Map<number, SnapshotPart>, opened: readonly Segment[]): void {
  const copied = new Set<number>();
  for (const segment of opened) {
    const kills = segment.kills();
    for (let i = 0; i < kills.length; i += 2) {
      const number = kills[i]!;
      const row = kills[i + 1]!;
      const part = parts.get(number);
      if (!part || (part.live && !hasBit(part.live, row))) continue;
      const live = copied.has(number) ? part.live! : part.live ? copyBits(part.live) : allBits(part.segment.rows);
      copied.add(number);
      clearBit(live, row);
      parts.set(number, { ...part, live, liveRows: part.liveRows - 1 });
    }
  }
}
