import './gradients.js';

export { type Activation, activate, gelu, TRANSFORMERS_ACTIVATIONS } from './activations.js';
export { aroundCalls, type CallName } from './around-calls.js';
export {
  type AttentionResult,
  attentionBias,
  causalBias,
  checkHeads,
  MASKED_SCORE,
  mergeHeads,
  type ScaledDotProductOptions,
  scaledDotProductAttention,
  splitHeads,
} from './attention.js';
export { BatchNorm2d, type BatchNorm2dOptions } from './batch-norm2d.js';
export {
  type Compiled,
  type CompileFunctionOptions,
  type CompilingBackend,
  compile,
  type Precision,
} from './compile.js';
export { Conv2d, type Conv2dOptions, padSides } from './conv2d.js';
export { DropPath } from './drop-path.js';
export { Dropout } from './dropout.js';
export { Embedding, type EmbeddingOptions } from './embedding.js';
export { freeze, freezeExceptLast, unfreeze } from './freeze.js';
export { BlankGenerator, Generator, generatorOf, type RandomWeights } from './generator.js';
export { GroupNorm, type GroupNormOptions } from './group-norm.js';
export {
  fans,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  ones,
  truncatedNormal,
  uniform,
  xavierNormal,
  xavierUniform,
  zeros,
} from './init.js';
export { fromArchitecture, fromOptions } from './kinds.js';
export { l2Normalize } from './l2-normalize.js';
export { LayerNorm, type LayerNormOptions, layerNorm } from './layer-norm.js';
export { Linear, type LinearOptions } from './linear.js';
export { addLora, type LoraOptions, mergeLora, removeLora, withMergedLora } from './lora.js';
export { LoraAdapter } from './lora-adapter.js';
export { Mlp, type MlpOptions } from './mlp.js';
export { Module } from './module.js';
export {
  type AttendOptions,
  type AttentionOfHeads,
  MultiheadAttention,
  type MultiheadAttentionOptions,
  type MultiheadAttentionOutput,
} from './multihead-attention.js';
export { buffer, isBuffer, parameter } from './parameter.js';
export { choose, matchesPattern, type ParameterPattern } from './parameter-pattern.js';
export { drawUniform, philoxUniform, randomStream } from './philox-uniform.js';
export { type AvgPool2dOptions, avgPool2d, maxPool2d, type Pool2dOptions } from './pool2d.js';
export { PreNormBlock, type PreNormBlockOptions, PreNormBlocks } from './pre-norm-block.js';
export { type LayerSummary, type ModelSummary, parameterCount, summary } from './summary.js';
export { tokenAt } from './token-at.js';
