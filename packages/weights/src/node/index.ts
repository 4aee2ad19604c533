export { folderSource } from './folder-source.js';
export { type HubEnvironment, hubEnvironment, type NodeHubOptions } from './hub-environment.js';
export { type CachedHubSource, hubSource } from './hub-source.js';
export { openSafetensors } from './open-safetensors.js';
export { type OpenSourceOptions, openSource } from './open-source.js';
export { type PushOptions, type PushReport, pushFolder } from './push-folder.js';
export { writeSafetensors } from './write-safetensors.js';
export { type ShardOptions, writeSharded } from './write-sharded.js';
