export { openSafetensors } from './open-safetensors.js';
export { writeFileAtomically } from './write-file-atomically.js';
export { writeSafetensors } from './write-safetensors.js';
