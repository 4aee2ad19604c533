export { FolderCheckpoints, type FolderCheckpointsOptions } from './folder-checkpoints.js';
export { jsonlLog } from './jsonl-log.js';
