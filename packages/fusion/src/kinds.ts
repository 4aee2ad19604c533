import type { Kinds } from '@diptych/core';
import { fromOptions } from '@diptych/nn';
import { AttentionFusion } from './attention-fusion.js';
import { BottleneckFusion } from './bottleneck-fusion.js';
import { CoAttentionFusion } from './co-attention-fusion.js';
import { ConcatMlpFusion } from './concat-mlp-fusion.js';
import { GatedFusion } from './gated-fusion.js';

/** Builders of this package's parts by kind. */
export const kinds: Kinds = {
  'fusion/attention': fromOptions(AttentionFusion),
  'fusion/bottleneck': fromOptions(BottleneckFusion),
  'fusion/co-attention': fromOptions(CoAttentionFusion),
  'fusion/concat-mlp': fromOptions(ConcatMlpFusion),
  'fusion/gated': fromOptions(GatedFusion),
};
