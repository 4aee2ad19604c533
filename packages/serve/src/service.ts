import type { VectorStore } from '@diptych/search';
import { HttpError } from './api/problem.js';
import type { IndexingJob } from './indexing/indexing-job.js';
import type { Limits } from './limits.js';
import type { BatchedModel } from './model/batched-model.js';
import type { PictureFiles } from './pictures/picture-files.js';
import type { Thumbnails } from './pictures/thumbnails.js';
import type { BatchedSearch } from './search/batched-search.js';
import { type Catalogue, EMPTY_CATALOGUE, readCatalogue } from './search/catalogue.js';

/** An index with what was seen in it. */
export class ServedIndex {
  readonly store: VectorStore;
  readonly searches: BatchedSearch;
  #catalogue: Catalogue = EMPTY_CATALOGUE;

  constructor(store: VectorStore, searches: BatchedSearch) {
    this.store = store;
    this.searches = searches;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  /** Sees what a writer has committed since, where another program writes. */
  async refresh(): Promise<void> {
    const { store } = this;
    const changed = 'refresh' in store && typeof store.refresh === 'function' ? await store.refresh() : false;
    if (changed) await this.read();
  }

  async read(): Promise<void> {
    this.#catalogue = await readCatalogue(this.store);
  }
}

/** What the operations work with. */
export interface Service {
  readonly model: BatchedModel;
  readonly index: ServedIndex | undefined;
  readonly indexing: IndexingJob;
  readonly files: PictureFiles | undefined;
  readonly thumbnails: Thumbnails;
  readonly limits: Limits;
  /** Whether the model can answer. */
  alive(): boolean;
}

/** @throws HttpError 501 without one */
export function indexOf({ index }: Service, where: string): ServedIndex {
  if (index) return index;
  throw new HttpError(501, {
    where,
    problem: 'this server has no index',
    remedy: 'serve({ model, index: "pictures.index" })',
  });
}

/** @throws HttpError 501 without them */
export function filesOf({ files }: Service, where: string): PictureFiles {
  if (files) return files;
  throw new HttpError(501, {
    where,
    problem: 'this server has no pictures',
    remedy: 'serve({ model, index, pictures: "the folder that paths in the index count from" })',
  });
}
