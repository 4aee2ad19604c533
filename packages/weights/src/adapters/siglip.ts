import type { NameAdapter } from '../adapter.js';

/** Position numbers that old checkpoints hold as a tensor. */
const ignore = [/\.embeddings\.position_ids$/];

/** Both towers of SigLIP in the hub's layout (transformers' SiglipModel), whose names are ours. */
export const siglip: NameAdapter = { ignore };

/** SigLIP's vision tower, from a checkpoint of both, or of the tower alone. */
export const siglipVision: NameAdapter = {
  only: /^(vision_model|embeddings|encoder|post_layernorm|head)\./,
  // transformers 5 saves SiglipVisionModel without the tower's name
  rules: [{ from: /^(?=(embeddings|encoder|post_layernorm|head)\.)/, to: 'vision_model.' }],
  ignore,
};

/** SigLIP's text tower, from a checkpoint of both, or of the tower alone. */
export const siglipText: NameAdapter = {
  only: /^(text_model|embeddings|encoder|final_layer_norm|head)\./,
  rules: [{ from: /^(?=(embeddings|encoder|final_layer_norm|head)\.)/, to: 'text_model.' }],
  ignore,
};
