import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StoreError } from '@diptych/core';
import { readAt, writeFileAtomically } from '@diptych/core/node';
import type { Precision } from '../precision.js';

/** What an index is, once and for all: the first line of its log. */
export interface IndexHeader {
  readonly format: 'diptych-index';
  readonly version: 1;
  readonly embedDim: number;
  readonly metric: Metric;
  readonly precision: Precision;
  /** Precision that the best are compared in again; null for none. */
  readonly rerank: Precision | null;
}

/** How vectors are compared: by the cosine of their angle, or by their product. */
export type Metric = 'cosine' | 'dot';

/** The whole state after a commit: each further line of the log. */
export interface IndexCommit {
  readonly commit: number;
  /** Number of the next segment; none is used twice. */
  readonly next: number;
  /** Number, rows and bytes of each segment, in the order of their rows. */
  readonly segments: readonly (readonly [number: number, rows: number, bytes: number])[];
}

const EMPTY_COMMIT: IndexCommit = { commit: 0, next: 1, segments: [] };

const NAME = 'commits.log';
/** A longer log begins anew. */
const LONG_BYTES = 2 ** 20;

function logPath(folder: string): string {
  return join(folder, NAME);
}

export function hasLog(folder: string): boolean {
  return existsSync(logPath(folder));
}

/** Begins an index: its log, as a whole or not at all. */
export async function createLog(folder: string, header: IndexHeader): Promise<void> {
  await writeFileAtomically(logPath(folder), [lineOf(header), lineOf(EMPTY_COMMIT)]);
}

/** What the log says. */
export interface LogState {
  readonly header: IndexHeader;
  readonly commit: IndexCommit;
  /** Where its whole lines end: what is behind that was never committed. */
  readonly end: number;
}

/**
 * Reads first and last line. A line without its end is a commit that did not come about, and does not count.
 *
 * @throws StoreError for a whole line with another checksum, or a file that is no log
 */
export function readLog(folder: string): LogState {
  const path = logPath(folder);
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const header = readFirst(fd, path, size);
    for (let window = 2 ** 16; ; window *= 2) {
      const from = Math.max(0, size - window);
      const text = read(fd, from, size - from);
      const last = text.lastIndexOf(10);
      const before = last > 0 ? text.lastIndexOf(10, last - 1) : -1;
      if (before === -1 && from > 0) continue;
      if (before === -1) throw damagedLog(path, 'a commit in it', 'none');
      const line = text.toString('utf8', before + 1, last);
      return { header, commit: parseLine<IndexCommit>(path, line, 'its last line'), end: from + last + 1 };
    }
  } finally {
    closeSync(fd);
  }
}

/** The log of one writer. */
export class CommitLog {
  readonly #folder: string;
  readonly #header: IndexHeader;
  #end: number;
  #broken = false;

  /** Removes what an interrupted commit left behind the last line. */
  constructor(folder: string, { header, end }: LogState) {
    this.#folder = folder;
    this.#header = header;
    this.#end = end;
    const fd = openSync(logPath(folder), 'r+');
    try {
      if (fstatSync(fd).size > end) {
        ftruncateSync(fd, end);
        fsyncSync(fd);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Whether it is not known what of a failed commit was written. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /**
   * The commit is there when this returns, also after a power cut.
   *
   * @throws the file system's error; the commit is then not there, unless {@link isBroken}
   */
  async append(commit: IndexCommit): Promise<void> {
    if (this.#broken) {
      throw new StoreError({
        where: `search: ${logPath(this.#folder)}`,
        problem: 'an earlier commit failed, and it is not known how much of it was written',
        remedy: 'close the index and open it again',
      });
    }
    if (this.#end > LONG_BYTES) {
      const lines = [lineOf(this.#header), lineOf(commit)];
      this.#broken = true; // until it is known that it went well
      await writeFileAtomically(logPath(this.#folder), lines);
      this.#broken = false;
      this.#end = lines.reduce((sum, line) => sum + line.length, 0);
      return;
    }
    const line = lineOf(commit);
    const fd = openSync(logPath(this.#folder), 'r+');
    try {
      for (let done = 0; done < line.length; ) done += writeSync(fd, line, done, line.length - done, this.#end + done);
      fsyncSync(fd);
    } catch (error) {
      try {
        ftruncateSync(fd, this.#end);
        fsyncSync(fd);
      } catch {
        this.#broken = true;
      }
      throw error;
    } finally {
      closeSync(fd);
    }
    this.#end += line.length;
  }
}

function lineOf(content: IndexHeader | IndexCommit): Buffer {
  const json = JSON.stringify(content);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`);
}

function parseLine<Content>(path: string, line: string, which: string): Content {
  const [, checksum, json] = /^([0-9a-f]{8}) (.*)$/s.exec(line) ?? [];
  if (!json || Number.parseInt(checksum!, 16) !== crc32(json)) {
    throw damagedLog(path, `${which} as it was written`, 'another checksum');
  }
  return JSON.parse(json) as Content;
}

function readFirst(fd: number, path: string, size: number): IndexHeader {
  const text = read(fd, 0, Math.min(size, 4096));
  const end = text.indexOf(10);
  if (end === -1) throw damagedLog(path, 'a first line that says what the index is', 'none');
  const header = parseLine<IndexHeader>(path, text.toString('utf8', 0, end), 'its first line');
  if (header.format === 'diptych-index' && header.version === 1) return header;
  throw new StoreError({
    where: `search: ${path}`,
    expected: 'a diptych-index of version 1',
    got: `${header.format} of version ${header.version}`,
    remedy: 'use the version of @diptych/search that wrote it',
  });
}

function read(fd: number, from: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  // fewer where a writer has cut it meanwhile
  return buffer.subarray(0, readAt(fd, buffer, from));
}

function damagedLog(path: string, expected: string, got: string): StoreError {
  return new StoreError({
    where: `search: ${path}`,
    expected,
    got,
    remedy: 'it is damaged: restore the index from a copy, or delete its last line to go back by one commit',
  });
}
