import '@diptych/tfjs-backend-onnxruntime';

export {
  type BuildContext,
  type Kinds,
  Matrix,
  type MatrixData,
  type PartBuilder,
  registerKinds,
  takeRows,
} from '@diptych/core';
export { csv, DataLoader, folder, inspect, jsonl, mix, pairs, parquet, webdataset } from '@diptych/data';
export {
  AttentionFusion,
  BottleneckFusion,
  CoAttentionFusion,
  ConcatMlpFusion,
  GatedFusion,
} from '@diptych/fusion';
export {
  accuracy,
  alignment,
  auroc,
  classify,
  cosineSimilarity,
  linearProbe,
  macroF1,
  matchingAccuracy,
  mineHardNegatives,
  modalityGap,
  normalizeRows,
  r2,
  rerank,
  retrieval,
  topK,
  uniformity,
  zeroShotAccuracy,
  zeroShotClasses,
} from '@diptych/metrics';
export {
  centerCrop,
  colorJitter,
  compose,
  imageTransform,
  letterbox,
  normalize,
  pad,
  randAugment,
  randomHorizontalFlip,
  randomResizedCrop,
  randomShift,
  resize,
  toTensor,
} from '@diptych/preprocess/image';
export { fromTransformers, tokenizer } from '@diptych/preprocess/text';
export {
  BagOfTokens,
  Bert,
  ClipText,
  resizeTokenEmbeddings,
  SiglipText,
  SmallTransformer,
} from '@diptych/text';
export {
  AdamW,
  Classification,
  embed,
  embedPairs,
  encodeItems,
  evaluate,
  ImageTextMatching,
  InfoNCE,
  LabelLoss,
  Matryoshka,
  MultiModalEncoder,
  Regression,
  SigLIP,
  scorePairs,
  scorerOf,
  Trainer,
  Triplet,
  WeightedSum,
  warmupConstant,
  warmupCosine,
  warmupLinear,
  withTowers,
} from '@diptych/train';
export {
  cacheFeatures,
  embedCollection,
  FolderCheckpoints,
  jsonlLog,
  trainHeads,
} from '@diptych/train/node';
export { ClipVision, ConvNeXt, ResNet, SiglipVision, SmallCNN, ViT } from '@diptych/vision';
export { DualEncoder, type DualEncoderOptions } from './dual-encoder.js';
export type { ExportedPart } from './export-onnx.js';
export { type BatchOptions, JointModel, type JointModelParts, type Picture } from './joint-model.js';
export { kinds } from './kinds.js';
export { type LoadModelOptions, load, save } from './model-folder.js';
export { type SeedModelOptions, seedLoss, seedModel } from './seed-model.js';
