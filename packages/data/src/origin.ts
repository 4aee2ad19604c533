import { checkFields } from '@diptych/core';

/** Where a pair was read: what an error names, so that a person finds the place. */
export interface Origin {
  /** File, name of the source, or address without its query. */
  readonly file: string;
  /** Line of a text file, from 1. */
  readonly line?: number;
  /** Row of a table or position in a list, from 0. */
  readonly row?: number;
  /** Member of an archive. */
  readonly member?: string;
}

/** `pairs.jsonl:17`, `shard-000.tar/cat.jpg`, `part.parquet[12]`. */
export function formatOrigin(origin: Origin): string {
  checkFields('data.formatOrigin', 'an origin', origin, ['file']);
  const { file, line, row, member } = origin;
  if (line !== undefined) return `${file}:${line}`;
  if (member !== undefined) return `${file}/${member}`;
  if (row !== undefined) return `${file}[${row}]`;
  return file;
}
