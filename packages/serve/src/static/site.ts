import type { JsonObject, TokenizeOptions } from '@diptych/core';
import type { Metadata } from '@diptych/search';
import type { ListedFile } from '@diptych/weights';
import type { InfoColumn } from '../api/schemas.js';

export const SITE_FILE = 'site.json';
export const SITE_FORMAT = 'diptych-static-search';
export const SITE_VERSION = 1;
export const ROWS_FILE = 'index/rows.json';
export const VECTORS_FILE = 'index/vectors.bin';
/** Factors on the rows of integers, where vectors are int8. */
export const SCALES_FILE = 'index/scales.bin';

/** What a page of static files searches, and by what: `site.json`. */
export interface Site {
  readonly format: typeof SITE_FORMAT;
  readonly version: typeof SITE_VERSION;
  readonly rows: number;
  readonly embedDim: number;
  /** How the rows' vectors, of length 1, are held. */
  readonly vectors: 'float32' | 'int8';
  readonly columns: readonly InfoColumn[];
  /** Longest side of pictures in the viewer; 0 where there are thumbnails alone. */
  readonly viewSize: number;
  readonly image: { readonly file: string; readonly shape: readonly number[]; readonly options: JsonObject };
  readonly text: { readonly file: string; readonly options: JsonObject; readonly tokenize: TokenizeOptions };
  /** What the page reads beside its own files. */
  readonly files: Readonly<Record<string, ListedFile>>;
}

/** A picture, as `index/rows.json` has it; its place there is the number of its vector and its files. */
export interface SiteRow {
  readonly id: string;
  readonly metadata: Metadata;
}

export const thumbnailFile = (row: number): string => `thumbnails/${row}.webp`;
export const viewFile = (row: number): string => `pictures/${row}.webp`;
