export { type CacheFeaturesOptions, cacheFeatures } from './cache-features.js';
export {
  type EmbedCollectionOptions,
  type EmbeddedCollection,
  embedCollection,
  type TowerName,
} from './embed-collection.js';
export { FolderCheckpoints, type FolderCheckpointsOptions } from './folder-checkpoints.js';
export { jsonlLog } from './jsonl-log.js';
export { type RunEnd, type StartedRun, type StartRunOptions, startRun } from './start-run.js';
export { type TrainedHeads, type TrainHeadsOptions, trainHeads } from './train-heads.js';
