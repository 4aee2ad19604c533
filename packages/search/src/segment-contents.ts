import type { CheckedRows } from './check-rows.js';
import { hasBit } from './format/bits.js';
import { MAX_SEGMENT_ROWS } from './format/segment-footer.js';
import { rowsOfBlock } from './format/vector-section.js';
import type { SegmentRows } from './format/write-segment.js';
import { encodeRow, hasFactors, type Precision, rowBytes } from './precision.js';
import type { SnapshotPart } from './snapshot.js';

/** Text of a segment at most, in characters: its places are 32 bits. */
const MAX_TEXT = 2 ** 29;

/** New rows as segments: one, or several where they are many. The first has the kills. */
export function* newSegments(
  rows: CheckedRows,
  embedDim: number,
  precisions: readonly Precision[],
  kills: Uint32Array,
): Generator<SegmentRows> {
  let first = 0;
  do {
    let last = first;
    for (let text = 0; last < rows.ids.length && last - first < MAX_SEGMENT_ROWS && text < MAX_TEXT; last++) {
      text += rows.ids[last]!.length + rows.metadata[last]!.length;
    }
    const start = first;
    yield {
      embedDim,
      ids: rows.ids.slice(first, last),
      metadata: rows.metadata.slice(first, last),
      precisions,
      kills: first === 0 ? kills : new Uint32Array(0),
      fill: (precision, from, to, block) => {
        const bytes = rowBytes(precision, embedDim);
        const factors = new DataView(block.buffer, block.byteOffset + (to - from) * bytes);
        for (let row = from; row < to; row++) {
          const at = row - from;
          const factor = encodeRow(precision, rows.vector(start + row), block.subarray(at * bytes, (at + 1) * bytes));
          if (hasFactors(precision)) factors.setFloat32(4 * at, factor, true);
        }
      },
    };
    first = last;
  } while (first < rows.ids.length);
}

/** The rows that are left of some segments, as one; what these kill in others is kept. */
export function mergedSegment(
  parts: readonly SnapshotPart[],
  embedDim: number,
  precisions: readonly Precision[],
): SegmentRows {
  const rows: { readonly part: SnapshotPart; readonly row: number }[] = [];
  const ids: string[] = [];
  const metadata: string[] = [];
  const kills: number[] = [];
  const merged = new Set(parts.map(({ segment }) => segment.number));
  for (const part of parts) {
    const { segment, live } = part;
    for (const [row, record] of segment.records(0, segment.rows).entries()) {
      if (live && !hasBit(live, row)) continue;
      rows.push({ part, row });
      ids.push(record.id);
      metadata.push(record.metadata);
    }
    const own = segment.kills();
    for (let i = 0; i < own.length; i += 2) if (!merged.has(own[i]!)) kills.push(own[i]!, own[i + 1]!);
  }
  // rows come in order, so that one block at a time is held
  let held: { readonly key: string; readonly content: Uint8Array; readonly rows: number } | undefined;
  return {
    embedDim,
    ids,
    metadata,
    precisions,
    kills: Uint32Array.from(kills),
    fill: (precision, from, to, block) => {
      const bytes = rowBytes(precision, embedDim);
      for (let i = from; i < to; i++) {
        const { part, row } = rows[i]!;
        const section = part.segment.section(precision);
        const number = Math.floor(row / section.blockRows);
        const key = `${part.segment.number}:${precision}:${number}`;
        if (held?.key !== key) {
          held = { key, content: part.segment.readBlock(precision, number), rows: rowsOfBlock(section, number) };
        }
        const { content, rows: count } = held;
        const at = row - number * section.blockRows;
        block.set(content.subarray(at * bytes, (at + 1) * bytes), (i - from) * bytes);
        if (!hasFactors(precision)) continue;
        const factor = count * bytes + 4 * at;
        block.set(content.subarray(factor, factor + 4), (to - from) * bytes + 4 * (i - from));
      }
    },
  };
}
