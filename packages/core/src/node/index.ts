export { FolderLock } from './folder-lock.js';
export { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';
export {
  type FilePart,
  MAX_ENCODED_BYTES,
  readBounded,
  UnreadableFile,
  type UnreadableReason,
} from './read-bounded.js';
export { syncFolder, writeFileAtomically } from './write-file-atomically.js';
