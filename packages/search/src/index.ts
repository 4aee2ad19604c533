export { ExactIndex, type IndexStats } from './exact-index.js';
export type { Condition, Filter, FilterValue } from './filter.js';
export type { Metric } from './format/commit-log.js';
export type { RowBlock } from './list-rows.js';
export type { Metadata, MetadataValue } from './metadata.js';
export {
  contentId,
  type NearDuplicates,
  type NearDuplicatesOptions,
  nearDuplicates,
  type SimilarGroup,
} from './near-duplicates.js';
export { type OpenIndexOptions, openIndex } from './open-index.js';
export type { Precision } from './precision.js';
export type { BatchEngine } from './scan/scanner.js';
export type { Hit, SearchOptions, StoredRow, StoreRows, VectorStore } from './vector-store.js';
