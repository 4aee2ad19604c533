export { AttentionFusion, type AttentionFusionOptions } from './attention-fusion.js';
export type { FusionOptions } from './fusion-options.js';
