import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDiptychError, StoreError } from '@diptych/core';
import { FolderLock } from '@diptych/core/node';
import type { CheckedRows } from './check-rows.js';
import {
  CommitLog,
  createLog,
  hasLog,
  type IndexCommit,
  type IndexHeader,
  type LogState,
  readLog,
} from './format/commit-log.js';
import { MAX_SEGMENT_ROWS } from './format/segment-footer.js';
import { type SegmentRows, writeSegment } from './format/write-segment.js';
import type { Precision } from './precision.js';
import { mergedSegment, newSegments } from './segment-contents.js';
import { type Snapshot, type SnapshotPart, segmentPath } from './snapshot.js';

type SegmentEntry = IndexCommit['segments'][number];

/** As many segments of a size are merged into one of the next. */
const FAN = 16;
/** Rows of the smallest size, and of segments that are left alone. */
const SMALL_ROWS = 256;
const LARGE_ROWS = 2 ** 18;

/** The one that writes to an index: files first, then the line of the log that makes them count. */
export class IndexWriter {
  readonly header: IndexHeader;
  readonly #folder: string;
  readonly #embedDim: number;
  readonly #precisions: readonly Precision[];
  readonly #lock: FolderLock;
  readonly #log: CommitLog;

  private constructor(folder: string, lock: FolderLock, state: LogState) {
    const { embedDim, precision, rerank } = state.header;
    this.header = state.header;
    this.#folder = folder;
    this.#embedDim = embedDim;
    this.#precisions = rerank ? [precision, rerank] : [precision];
    this.#lock = lock;
    this.#log = new CommitLog(folder, state);
  }

  /**
   * Takes the folder's lock, and removes what an interrupted writer left.
   *
   * @param header of an index that is not there yet
   * @throws StoreError if another process writes to it, or it is damaged
   */
  static async open(folder: string, header: () => IndexHeader): Promise<IndexWriter> {
    const lock = FolderLock.take(folder, (holder) => taken(folder, holder));
    try {
      // under the lock: of two who begin an index at once, one does
      if (!hasLog(folder)) await createLog(folder, header());
      const state = readLog(folder);
      const writer = new IndexWriter(folder, lock, state);
      removeLeftovers(folder, state.commit);
      return writer;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** @returns the commit that has the rows, or the same one if nothing changes */
  async add(snapshot: Snapshot, rows: CheckedRows): Promise<IndexCommit> {
    if (rows.ids.length === 0) return snapshot.commit;
    return this.#append(snapshot, rows, rows.ids);
  }

  /** @returns the commit without those rows, or the same one if none was there, and how many were */
  async delete(snapshot: Snapshot, ids: readonly string[]): Promise<{ commit: IndexCommit; deleted: number }> {
    const there = [...new Set(ids)].filter((id) => snapshot.find(id));
    if (there.length === 0) return { commit: snapshot.commit, deleted: 0 };
    const none: CheckedRows = { ids: [], metadata: [], vector: () => new Float32Array(0) };
    return { commit: await this.#append(snapshot, none, there), deleted: there.length };
  }

  /** Merges small segments at the end, if there are many. Returns the same commit if there are not. */
  async mergeSmall(snapshot: Snapshot): Promise<IndexCommit> {
    const { parts } = snapshot;
    let first = parts.length;
    let rows = 0;
    for (let size = SMALL_ROWS; size <= LARGE_ROWS; size *= FAN) {
      while (first > 0 && parts[first - 1]!.segment.rows <= size && rows + parts[first - 1]!.liveRows <= LARGE_ROWS) {
        rows += parts[--first]!.liveRows;
      }
      if (parts.length - first < FAN) continue;
      return this.#replace(snapshot, [parts.slice(first)], parts.slice(0, first));
    }
    return snapshot.commit;
  }

  /** Writes all rows that are left anew, in segments as large as may be. */
  async compact(snapshot: Snapshot): Promise<IndexCommit> {
    const groups: SnapshotPart[][] = [];
    let rows = Number.POSITIVE_INFINITY;
    for (const part of snapshot.parts) {
      if (rows + part.liveRows > MAX_SEGMENT_ROWS) {
        groups.push([]);
        rows = 0;
      }
      groups.at(-1)!.push(part);
      rows += part.liveRows;
    }
    const untouched = groups.every((group) => group.length === 1 && group[0]!.live === undefined);
    return untouched ? snapshot.commit : this.#replace(snapshot, groups, []);
  }

  /** Removes files that no commit has any more. Readers that have them open keep them. */
  removeOld(commit: IndexCommit): void {
    removeLeftovers(this.#folder, commit);
  }

  close(): void {
    this.#lock.release();
  }

  async #append(snapshot: Snapshot, rows: CheckedRows, replaced: readonly string[]): Promise<IndexCommit> {
    const kills: number[] = [];
    for (const id of replaced) {
      const place = snapshot.find(id);
      if (place) kills.push(place.part.segment.number, place.row);
    }
    const contents = newSegments(rows, this.#embedDim, this.#precisions, Uint32Array.from(kills));
    return this.#commit(snapshot, snapshot.commit.segments, contents);
  }

  /** @param kept parts before the merged ones */
  #replace(
    snapshot: Snapshot,
    groups: readonly (readonly SnapshotPart[])[],
    kept: readonly SnapshotPart[],
  ): Promise<IndexCommit> {
    const numbers = new Set(kept.map(({ segment }) => segment.number));
    const [embedDim, precisions] = [this.#embedDim, this.#precisions];
    const contents = (function* () {
      for (const group of groups) yield mergedSegment(group, embedDim, precisions);
    })();
    const entries = snapshot.commit.segments.filter(([number]) => numbers.has(number));
    return this.#commit(snapshot, entries, contents);
  }

  async #commit(
    { commit }: Snapshot,
    entries: readonly SegmentEntry[],
    contents: Iterable<SegmentRows>,
  ): Promise<IndexCommit> {
    const written: SegmentEntry[] = [];
    let next = commit.next;
    try {
      for (const content of contents) {
        if (content.ids.length === 0 && content.kills.length === 0) continue;
        const bytes = await writeSegment(segmentPath(this.#folder, next), content);
        written.push([next++, content.ids.length, bytes]);
      }
      const after: IndexCommit = { commit: commit.commit + 1, next, segments: [...entries, ...written] };
      await this.#log.append(after);
      return after;
    } catch (error) {
      // what is perhaps committed stays
      if (!this.#log.isBroken)
        for (const [number] of written) rmSync(segmentPath(this.#folder, number), { force: true });
      throw isDiptychError(error) ? error : unwritable(this.#folder, error);
    }
  }
}

const SEGMENT = /^segment-(\d{8,})\.dip$/;
const UNFINISHED = /^\.(segment-\d+\.dip|commits\.log)\..*\.tmp$/;

function removeLeftovers(folder: string, commit: IndexCommit): void {
  const numbers = new Set(commit.segments.map(([number]) => number));
  for (const name of readdirSync(folder)) {
    const number = SEGMENT.exec(name)?.[1];
    if (UNFINISHED.test(name) || (number !== undefined && !numbers.has(Number(number)))) {
      try {
        rmSync(join(folder, name), { force: true });
      } catch {
        // Windows does not remove what a reader has open; the next writer does
      }
    }
  }
}

function taken(folder: string, holder: string): StoreError {
  return new StoreError({
    where: `search: index ${folder}`,
    problem: `${holder} writes to it`,
    remedy: 'wait for it or end it; { readonly: true } reads beside it',
  });
}

function unwritable(folder: string, cause: unknown): StoreError {
  const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
  return new StoreError(
    {
      where: `search: index ${folder}`,
      problem: `cannot be written: ${full ? 'the disk is full' : (cause as Error).message}`,
      remedy: `${full ? 'make room; ' : ''}nothing of this call was done, and all before it is there`,
    },
    { cause },
  );
}
