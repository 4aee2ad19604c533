export { type IndexFacts, readIndexFacts, writeIndexFacts } from './indexing/index-facts.js';
export {
  type IndexedCounts,
  type IndexPicturesOptions,
  indexPictures,
  type PictureItem,
} from './indexing/index-pictures.js';
export type { IndexingOptions } from './indexing/indexing-job.js';
export type { Limits } from './limits.js';
export type { Embedder } from './model/embedder.js';
export { type RunningServer, type ServeOptions, serve } from './serve.js';
export {
  type RowListing,
  type StaticSearchOptions,
  type StaticSearchReport,
  writeStaticSearch,
} from './static/write-static-search.js';
