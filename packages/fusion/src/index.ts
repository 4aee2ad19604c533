export { AttentionFusion, type AttentionFusionOptions } from './attention-fusion.js';
export { BottleneckFusion, type BottleneckFusionOptions } from './bottleneck-fusion.js';
export { CoAttentionFusion, type CoAttentionFusionOptions } from './co-attention-fusion.js';
export { ConcatMlpFusion, type ConcatMlpFusionOptions } from './concat-mlp-fusion.js';
export { CrossAttentionBlock, type CrossAttentionSizes } from './cross-attention-block.js';
export type { FusionOptions } from './fusion-options.js';
export { GatedFusion, type GatedFusionOptions } from './gated-fusion.js';
export { kinds } from './kinds.js';
export { MissingModality, type Pair } from './missing-modality.js';
