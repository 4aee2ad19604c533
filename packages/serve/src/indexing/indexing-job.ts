import { isDiptychError } from '@diptych/core';
import type { ExactIndex } from '@diptych/search';
import type { IndexingReport } from '../api/schemas.js';
import type { Embedder } from '../model/embedder.js';
import { type IndexedCounts, type IndexPicturesOptions, indexPictures, type PictureItem } from './index-pictures.js';

/** Pictures that a server indexes while it answers. */
export interface IndexingOptions extends Omit<IndexPicturesOptions, 'signal'> {
  /** A list, or whatever can be iterated; of a list the page shows how many are left. */
  readonly items: AsyncIterable<PictureItem> | Iterable<PictureItem>;
}

/** Pictures through the model at once: a query waits for one batch at most. */
const BATCH = 8;
/** Bad pictures that are shown. */
const SHOWN = 50;

/** One run of {@link indexPictures} beside the requests, and how far it is. */
export class IndexingJob {
  #report: IndexingReport | undefined;
  readonly #stop = new AbortController();

  /** Undefined for a server that has not indexed. */
  get report(): IndexingReport | undefined {
    return this.#report;
  }

  /**
   * @param index opened for writing; its owner closes it
   * @throws what {@link indexPictures} throws
   */
  async run(index: ExactIndex, model: Embedder, { items, ...options }: IndexingOptions): Promise<IndexedCounts> {
    const { onProgress, onBad, root, batchSize = BATCH } = options;
    const badPictures: { path: string; reason: string }[] = [];
    const counts: IndexedCounts = { added: 0, unchanged: 0, removed: 0, bad: 0 };
    const tell = (state: IndexingReport['state'], now: IndexedCounts, reason?: string) => {
      const total = Array.isArray(items) ? items.length : undefined;
      this.#report = {
        state,
        done: now.added + now.unchanged + now.bad,
        ...(total !== undefined && { total }),
        ...now,
        badPictures,
        ...(reason !== undefined && { reason }),
      };
    };
    tell('running', counts);
    try {
      const done = await indexPictures(index, model, items, {
        ...options,
        batchSize,
        signal: this.#stop.signal,
        onProgress: (now) => {
          tell('running', now);
          onProgress?.(now);
        },
        onBad: (path, reason) => {
          badPictures.push({ path: below(root, path), reason: below(root, reasonOf(reason)) });
          if (badPictures.length > SHOWN) badPictures.shift();
          onBad?.(path, reason);
        },
      });
      tell(this.#stop.signal.aborted ? 'stopped' : 'done', done);
      return done;
    } catch (error) {
      tell('failed', this.#report!, isDiptychError(error) ? error.message : 'the log of the server has the reason');
      throw error;
    }
  }

  /** Ends it after the batch under way; what was committed stays. */
  stop(): void {
    this.#stop.abort();
  }
}

/** Callers are told of files by their place below the root alone. */
function below(root: string, text: string): string {
  return text.replaceAll(root.endsWith('/') ? root : `${root}/`, '');
}

function reasonOf(error: Error): string {
  return isDiptychError(error) ? error.message : ((error as NodeJS.ErrnoException).code ?? 'it cannot be read');
}
