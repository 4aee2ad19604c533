import type { NameAdapter } from '../adapter.js';

/** Query, key and value of transformers' ViT become rows of one matrix, in this order. */
const QKV = [
  ['query', 'q_proj'],
  ['key', 'k_proj'],
  ['value', 'v_proj'],
] as const;

/** ViTs of timm: their names are ours. */
export const timmViT: NameAdapter = {};

/**
 * ViTs and DeiTs of transformers (`google/vit-base-patch16-224`) to timm's names. The hub's files say
 * `encoder.layer.N.attention.attention.query`; version 5 of transformers says `layers.N.attention.q_proj` in memory.
 */
export const transformersViT: NameAdapter = {
  rules: [
    { from: /^(vit|deit)\./, to: '' },
    { from: /^embeddings\.cls_token$/, to: 'cls_token' },
    { from: /^embeddings\.position_embeddings$/, to: 'pos_embed' },
    { from: /^embeddings\.patch_embeddings\.projection\./, to: 'patch_embed.proj.' },
    { from: /^(encoder\.layer|layers)\.(\d+)\./, to: 'blocks.$2.' },
    ...QKV.map(([published, inMemory], index) => ({
      from: new RegExp(`\\.attention\\.(attention\\.${published}|${inMemory})\\.(weight|bias)$`),
      to: '.attn.qkv.$2',
      part: { index, of: QKV.length },
    })),
    { from: /\.attention\.(output\.dense|o_proj)\./, to: '.attn.proj.' },
    { from: /^(blocks\.\d+)\.(intermediate\.dense|mlp\.fc1)\./, to: '$1.mlp.fc1.' },
    { from: /^(blocks\.\d+)\.(output\.dense|mlp\.fc2)\./, to: '$1.mlp.fc2.' },
    { from: /\.layernorm_before\./, to: '.norm1.' },
    { from: /\.layernorm_after\./, to: '.norm2.' },
    { from: /^layernorm\./, to: 'norm.' },
    { from: /^classifier\./, to: 'head.' },
  ],
  ignore: [/^(vit\.|deit\.)?pooler\./, /mask_token$/],
};
