import type { NameAdapter } from '../adapter.js';

/** Position numbers that old checkpoints hold as a tensor. */
const ignore = [/\.embeddings\.position_ids$/];

/** Both towers of SigLIP in the hub's layout (transformers' SiglipModel), whose names are ours. */
export const siglip: NameAdapter = { ignore };

/** SigLIP's vision tower, from a checkpoint of both. */
export const siglipVision: NameAdapter = { only: /^vision_model\./, ignore };

/** SigLIP's text tower, from a checkpoint of both. */
export const siglipText: NameAdapter = { only: /^text_model\./, ignore };
