import { checkOptions, type FusedOutputs } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { Generator } from '@diptych/nn';
import { Bert } from '@diptych/text';
import { ImageTextMatching, InfoNCE, MultiModalEncoder, WeightedSum } from '@diptych/train';
import { ResNet } from '@diptych/vision';
import type { HubOptions } from '@diptych/weights';

/** Options of {@link seedModel}. */
export interface SeedModelOptions {
  /** Of random weights: all of them, or with `pretrained` those of projections and fusion. Default 0. */
  readonly seed?: number;
  /** ResNet-50 and BERT-base from the hub. Default false: random weights. */
  readonly pretrained?: boolean;
  /** How the hub is reached. */
  readonly hub?: HubOptions;
}

const IMAGE = 'timm/resnet50.tv_in1k';
const TEXT = 'google-bert/bert-base-uncased';

/**
 * The reference system in one call: ResNet-50 with its head at 768, BERT-base's `[CLS]` projected to 768, the two as two
 * tokens through 8-head attention with dropout 0.1.
 */
export async function seedModel(options: SeedModelOptions = {}) {
  checkOptions('diptych.seedModel', options, { seed: 'optional', pretrained: 'optional', hub: 'optional' });
  const { seed = 0, pretrained = false, hub } = options;
  const embedDim = 768;
  const generator = new Generator(seed);
  const image = pretrained
    ? await ResNet.fromPretrained(IMAGE, { embedDim, generator, hub })
    : new ResNet('resnet50', { embedDim, generator });
  const text = pretrained
    ? await Bert.fromPretrained(TEXT, { embedDim, generator, hub })
    : new Bert('bert-base-uncased', { embedDim, generator });
  const fusion = new AttentionFusion({ embedDim, numHeads: 8, dropout: 0.1, generator });
  return new MultiModalEncoder({ image, text, fusion, generator });
}

/**
 * What to train {@link seedModel} with: InfoNCE for the towers, and matching with hard negatives of the batch (ALBEF, Li et al. 2021)
 * for the fused vector, which contrasting the towers alone would leave as it was drawn.
 */
export function seedLoss(): WeightedSum<FusedOutputs> {
  return new WeightedSum<FusedOutputs>([
    { name: 'contrastive', loss: new InfoNCE() },
    { name: 'matching', loss: new ImageTextMatching() },
  ]);
}
