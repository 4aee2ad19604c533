import type { NameAdapter } from '../adapter.js';

/** Position numbers that old checkpoints hold as a tensor. */
const ignore = [/\.embeddings\.position_ids$/];

/** Both towers of CLIP in the hub's layout (transformers' CLIPModel), whose names are ours. */
export const clip: NameAdapter = { ignore };

/** CLIP's vision tower with its projection, from a checkpoint of both, or of the tower alone. */
export const clipVision: NameAdapter = {
  only: /^(vision_model|visual_projection|embeddings|encoder|pre_layrnorm|post_layernorm)\./,
  // transformers 5 saves CLIPVisionModel without the tower's name
  rules: [{ from: /^(?=(embeddings|encoder|pre_layrnorm|post_layernorm)\.)/, to: 'vision_model.' }],
  ignore,
};

/** CLIP's text tower with its projection, from a checkpoint of both, or of the tower alone. */
export const clipText: NameAdapter = {
  only: /^(text_model|text_projection|embeddings|encoder|final_layer_norm)\./,
  rules: [{ from: /^(?=(embeddings|encoder|final_layer_norm)\.)/, to: 'text_model.' }],
  ignore,
};

/**
 * Checkpoints of OpenAI's and open_clip's code, with a ViT as vision tower, to the hub's layout. There, queries, keys
 * and values are rows of one matrix, and projections are multiplied from the right.
 */
export const openClip: NameAdapter = {
  rules: [
    { from: /^visual\.class_embedding$/, to: 'vision_model.embeddings.class_embedding' },
    { from: /^visual\.positional_embedding$/, to: 'vision_model.embeddings.position_embedding.weight' },
    { from: /^visual\.conv1\./, to: 'vision_model.embeddings.patch_embedding.' },
    { from: /^visual\.ln_pre\./, to: 'vision_model.pre_layrnorm.' },
    { from: /^visual\.ln_post\./, to: 'vision_model.post_layernorm.' },
    { from: /^visual\.proj$/, to: 'visual_projection.weight', transpose: true },
    { from: /^visual\.transformer\.resblocks\./, to: 'vision_model.encoder.layers.' },
    { from: /^transformer\.resblocks\./, to: 'text_model.encoder.layers.' },
    { from: /^positional_embedding$/, to: 'text_model.embeddings.position_embedding.weight' },
    { from: /^token_embedding\./, to: 'text_model.embeddings.token_embedding.' },
    { from: /^ln_final\./, to: 'text_model.final_layer_norm.' },
    { from: /^text_projection$/, to: 'text_projection.weight', transpose: true },
    {
      from: /\.attn\.in_proj_(weight|bias)$/,
      to: ['.self_attn.q_proj.$1', '.self_attn.k_proj.$1', '.self_attn.v_proj.$1'],
    },
    { from: /\.attn\.out_proj\./, to: '.self_attn.out_proj.' },
    { from: /(\.layers\.\d+)\.ln_1\./, to: '$1.layer_norm1.' },
    { from: /(\.layers\.\d+)\.ln_2\./, to: '$1.layer_norm2.' },
    { from: /\.mlp\.c_fc\./, to: '.mlp.fc1.' },
    { from: /\.mlp\.c_proj\./, to: '.mlp.fc2.' },
  ],
  ignore: [/^(input_resolution|context_length|vocab_size)$/, /(^|\.)attn_mask$/],
};
