import type { NameAdapter } from '../adapter.js';

/**
 * From the reference system's names to `MultiModalEncoder`'s: `image_encoder.*`, `text_encoder.*` and `text_projection.*`,
 * `fusion_layer.*` become `image.*`, `text.*`, `fusion.*`.
 */
export const fromReference: NameAdapter = {
  rules: [
    { from: /^image_encoder\./, to: 'image.' },
    { from: /^text_encoder\./, to: 'text.' },
    { from: /^text_projection\./, to: 'text.projection.' },
    { from: /^fusion_layer\./, to: 'fusion.' },
  ],
};

/** The way back: for `renameTensors(await stateDict(model), toReference)`. */
export const toReference: NameAdapter = {
  rules: [
    { from: /^image\./, to: 'image_encoder.' },
    { from: /^text\.projection\./, to: 'text_projection.' },
    { from: /^text\./, to: 'text_encoder.' },
    { from: /^fusion\./, to: 'fusion_layer.' },
  ],
};

/**
 * What diptych wrote before its parts had one word each (format 1 of model folders and checkpoints): as the reference, with the
 * projection inside the encoder. AdamW's moments stand behind `exp_avg.` and `exp_avg_sq.`.
 */
export const fromFormat1: NameAdapter = {
  rules: [
    { from: /^(exp_avg\.|exp_avg_sq\.)?image_encoder\./, to: '$1image.' },
    { from: /^(exp_avg\.|exp_avg_sq\.)?text_encoder\./, to: '$1text.' },
    { from: /^(exp_avg\.|exp_avg_sq\.)?fusion_layer\./, to: '$1fusion.' },
  ],
};
