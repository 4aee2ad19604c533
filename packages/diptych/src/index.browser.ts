// The entry for browsers: no data from disk, no checkpoints, no engine of its own. Import one of tfjs:
// import '@tensorflow/tfjs-backend-wasm'; await tf.setBackend('wasm').
export { Matrix, registerKinds, takeRows } from '@diptych/core';
export * from '@diptych/fusion';
export * from '@diptych/metrics';
export * from '@diptych/preprocess/image';
export * from '@diptych/preprocess/text';
export * from '@diptych/text';
export * from '@diptych/train';
export * from '@diptych/vision';
export { DualEncoder } from './dual-encoder.js';
export { JointModel } from './joint-model.js';
export { kinds } from './kinds.js';
export { load } from './model-folder.js';
export { seedLoss, seedModel } from './seed-model.js';
