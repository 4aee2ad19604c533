export { type AskProcessOptions, askProcess } from './ask-process.js';
export { FolderLock } from './folder-lock.js';
export { memoryLimit } from './memory-limit.js';
export { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';
export { readAt } from './read-at.js';
export {
  type FilePart,
  readBounded,
  UnreadableFile,
  type UnreadableReason,
} from './read-bounded.js';
export {
  askRun,
  type ExamplePair,
  RUN_FILES,
  type RunAsk,
  type RunProcess,
  readJson,
  replaceJson,
  takeAsk,
} from './run-folder.js';
export { syncFolder, writeFileAtomically } from './write-file-atomically.js';
