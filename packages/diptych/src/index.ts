import '@diptych/tfjs-backend-onnxruntime';

// Packages are passed on whole, so that what is new in one is here as well. What parts of your own are written with stands in
// subpaths: diptych/core, diptych/nn, diptych/weights.
export {
  type BuildContext,
  type Kinds,
  Matrix,
  type MatrixData,
  type PartBuilder,
  registerKinds,
  takeRows,
} from '@diptych/core';
export * from '@diptych/data';
export * from '@diptych/fusion';
export * from '@diptych/metrics';
export * from '@diptych/preprocess/image';
export * from '@diptych/preprocess/text';
export * from '@diptych/text';
export * from '@diptych/train';
export * from '@diptych/train/node';
export * from '@diptych/vision';
export { DualEncoder, type DualEncoderOptions } from './dual-encoder.js';
export type { ExportedPart, ExportModelOptions } from './export-onnx.js';
export { exportHf, type HfLayout, type HfReport } from './hf/export-hf.js';
export { type BatchOptions, JointModel, type JointModelParts, type Picture } from './joint-model.js';
// of all packages; the ones that they export under this name are their own parts'
export { kinds } from './kinds.js';
export type { LoadModelOptions } from './load-options.js';
export { load, type SaveOptions, save } from './model-folder.js';
export { type SeedModelOptions, seedLoss, seedModel } from './seed-model.js';
export type { Region } from './seen-region.js';
export type { Word, WordAttention } from './word-attention.js';
