import type { VectorSection } from './vector-section.js';

/** At the start and at the end of a segment's file. */
export const START_MAGIC = 'diptseg1';
export const END_MAGIC = 'diptend1';
/** Bytes before the first block. */
export const START_BYTES = 64;
/** Length and checksum of the footer, and the closing magic. */
export const TRAILER_BYTES = 16;

/** Rows of a segment at most. */
export const MAX_SEGMENT_ROWS = 2 ** 20;

/** A part of a file that is read as a whole, or by places known from elsewhere. */
export interface PlainSection {
  readonly offset: number;
  readonly bytes: number;
  /** CRC-32. */
  readonly checksum: number;
}

/** Ids and metadata: read here and there, so each piece of them has a checksum. */
export interface TextSection {
  readonly offset: number;
  readonly bytes: number;
  /** CRC-32 of each {@link TEXT_PIECE} bytes; the last has what is left. */
  readonly checksums: readonly number[];
}

export const TEXT_PIECE = 65_536;

/** Where everything lies in a segment's file: JSON at its end. */
export interface SegmentFooter {
  readonly version: 1;
  readonly rows: number;
  readonly embedDim: number;
  /** What is scanned first. */
  readonly vectors: readonly VectorSection[];
  /** Hashes of ids in order, uint32. */
  readonly hashes: PlainSection;
  /** The row of each hash, uint32. */
  readonly hashRows: PlainSection;
  /** Where in `text` each row's id ends, then its metadata, uint32, after a zero. */
  readonly offsets: PlainSection;
  /** Ids and metadata, UTF-8. */
  readonly text: TextSection;
  /** Pairs of segment and row, uint32. */
  readonly kills: PlainSection;
}
