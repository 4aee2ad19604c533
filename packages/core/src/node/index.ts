export { FolderLock } from './folder-lock.js';
export { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';
export { syncFolder, writeFileAtomically } from './write-file-atomically.js';
