/** Which towers, by folder or hub id. */
export type TowerNames = { readonly image: string; readonly text: string } | { readonly model: string };

/** Small towers that know much for their size: 19 MB and 90 MB. */
export const DEFAULT_TOWERS = {
  image: 'timm/tf_efficientnet_lite0.in1k',
  text: 'sentence-transformers/all-MiniLM-L6-v2',
} as const;

/** What trains of towers that others trained: heads on top, a low-rank change inside as well, or all of them. */
export const TUNES = ['heads', 'lora', 'all'] as const;
export type Tune = (typeof TUNES)[number];
