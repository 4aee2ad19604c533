import type { MatrixData } from '@diptych/core';
import type { Filter } from './filter.js';
import type { Metric } from './format/commit-log.js';
import type { Metadata } from './metadata.js';

/** Rows to add: one id, one vector and perhaps metadata each. */
export interface StoreRows {
  /** Not empty, each once. A row whose id is there already takes the place of the old one. */
  readonly ids: readonly string[];
  /** [N, embedDim], such as a model's `embedImages` gives. */
  readonly vectors: MatrixData;
  /** One a row, undefined for none. */
  readonly metadata?: readonly (Metadata | undefined)[];
}

/** What to look for. */
export interface SearchOptions {
  /** Rows to find for each query, default 10; fewer come where there are fewer. */
  readonly k?: number;
  /** Which rows count; default all. */
  readonly filter?: Filter;
  /** Rows have to score above it. */
  readonly minScore?: number;
}

/** A row that was found. */
export interface Hit {
  readonly id: string;
  /** Cosine similarity, or the product with metric `dot`: higher is nearer. */
  readonly score: number;
  readonly metadata: Metadata;
}

/** A row as it is kept. */
export interface StoredRow {
  readonly id: string;
  /** [embedDim]. Of length 1 with metric `cosine`, whatever was added. */
  readonly vector: Float32Array;
  readonly metadata: Metadata;
}

/**
 * Vectors with ids and metadata that can be searched: the exact index of this package, or a database behind an adapter. All keep the
 * same contract (`testVectorStore` of `@diptych/testing`): a promise that is fulfilled means that the rows are there for every
 * later call, errors are `DiptychError`s, and nothing of a call that is refused is done.
 */
export interface VectorStore {
  readonly embedDim: number;
  readonly metric: Metric;
  /**
   * Adds rows, all or none, and replaces those whose ids are there.
   *
   * @throws InputError for an id that is empty or comes twice, a number that is not finite, a vector of zeros with metric `cosine`
   * @throws ShapeError for vectors of another width
   */
  add(rows: StoreRows): Promise<void>;
  /** Removes rows; ids that are not there do not matter. Returns how many were. */
  delete(ids: readonly string[]): Promise<number>;
  /** Rows by id, in the given order; undefined for those that are not there. */
  get(ids: readonly string[]): Promise<(StoredRow | undefined)[]>;
  /**
   * The best rows for each query, best first.
   *
   * @param queries [Q, embedDim]; need not be normalised
   * @throws ShapeError for queries of another width, InputError for what is not finite or has no direction
   */
  search(queries: MatrixData, options?: SearchOptions): Promise<Hit[][]>;
  /** Rows that are there, or those that a filter leaves. */
  count(filter?: Filter): Promise<number>;
  /** Ends connections and threads. Calls afterwards are refused. */
  close(): Promise<void>;
}
