import '@diptych/tfjs-backend-onnxruntime';

export { csv, DataLoader, folder, inspect, jsonl, mix, pairs, parquet, webdataset } from '@diptych/data';
export {
  AttentionFusion,
  BottleneckFusion,
  CoAttentionFusion,
  ConcatMlpFusion,
  GatedFusion,
} from '@diptych/fusion';
export {
  centerCrop,
  clip,
  colorJitter,
  compose,
  half,
  imagenet,
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
export { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer } from '@diptych/text';
export {
  AdamW,
  ImageTextMatching,
  InfoNCE,
  Matryoshka,
  MultiModalEncoder,
  retrieval,
  SigLIP,
  Trainer,
  Triplet,
  topK,
  WeightedSum,
  warmupConstant,
  warmupCosine,
  warmupLinear,
} from '@diptych/train';
export { ClipVision, ConvNeXt, ResNet, SiglipVision, SmallCNN, ViT } from '@diptych/vision';
export { DualEncoder, type DualEncoderOptions } from './dual-encoder.js';
export { type EmbedOptions, JointModel, type JointModelParts, type Picture } from './joint-model.js';
export type { BuildContext, Part, PartBuilder, PartBuilders } from './kinds.js';
export { Matrix, similarity } from './matrix.js';
export { type LoadModelOptions, load, save } from './model-folder.js';
export { type SeedModelOptions, seedModel } from './seed-model.js';
