import type { DataError } from './data-error.js';
import type { LabelKinds } from './labels.js';
import type { PairRecord } from './record.js';

/** The part of a source that one reader takes: reader `index` of `count`. All parts together are the whole, once. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** How much a shuffle buffer may hold, whichever is reached first. */
export interface BufferLimits {
  readonly records: number;
  readonly bytes: number;
}

/** What a source is read for. */
export interface ReadContext {
  /** Order depends on (seed, epoch) and nothing else. */
  readonly seed: number;
  readonly epoch: number;
  /** True: the source shuffles what it can without reading ahead (a whole permutation, or the order of its shards). */
  readonly shuffle: boolean;
  readonly shard: Shard;
  /** For sources that shuffle streams inside (a mix). */
  readonly buffer: BufferLimits;
  /** Takes an item that cannot be used; throws it in strict mode. */
  readonly reject: (error: DataError) => void;
  /** Ends reading early: downloads stop. */
  readonly signal?: AbortSignal;
}

/**
 * Where pairs come from. To write your own: give a name and a `read` that always gives the same records with the
 * same `item` numbers, in an order that depends on the context alone, and that hands what it cannot use to
 * `context.reject`.
 */
export interface PairSource {
  /** Short name for messages. */
  readonly name: string;
  /** Number of records where it is known without reading. */
  readonly size?: number;
  /** True if `read` with `shuffle` gives a uniform permutation; otherwise the loader adds a shuffle buffer. */
  readonly shufflesFully: boolean;
  /** The kinds of the labels that records carry. */
  readonly labels?: LabelKinds;
  read(context: ReadContext): AsyncIterable<PairRecord>;
  /**
   * What the source holds, as a short text that changes with its content, not with its place or a file's date. Sizes, names
   * and samples of bytes suffice: it is for noticing that a run goes on with other data. Absent where nobody can tell
   * without reading everything.
   */
  fingerprint?(): Promise<string>;
}

/** A context that counts what it rejects beside what is counted otherwise: `found` says whether a place held anything. */
export function countingRejects(context: ReadContext): ReadContext & { found: number } {
  const counting = {
    ...context,
    found: 0,
    reject: (error: DataError) => {
      counting.found++;
      context.reject(error);
    },
  };
  return counting;
}

/** The context of a plain pass over the whole source in its own order. */
export function plainRead(reject: (error: DataError) => void): ReadContext {
  return {
    seed: 0,
    epoch: 0,
    shuffle: false,
    shard: { index: 0, count: 1 },
    buffer: defaultBuffer,
    reject,
  };
}

/** 10,000 records, or 128 MiB of images held in memory. */
export const defaultBuffer: BufferLimits = Object.freeze({ records: 10_000, bytes: 128 * 2 ** 20 });
