import type { FusedOutputs } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import {
  AdamW,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  Trainer,
  type TrainerOptions,
  WeightedSum,
  warmupCosine,
} from '@diptych/train';
import { TinyImageEncoder, type TinyOptions, TinyTextEncoder } from './tiny-model.js';

/** A model with every kind of state: batch norm, dropout, fusion, matcher, logit scale. */
export function tinyModel(options: TinyOptions = {}) {
  return new MultiModalEncoder({
    image: new TinyImageEncoder({ batchNorm: true, dropout: 0.2, ...options }),
    text: new TinyTextEncoder({ dropout: 0.1, ...options }),
    fusion: new AttentionFusion({ embedDim: 8, numHeads: 2, dropout: 0.1, normalize: true }),
  });
}

/** InfoNCE on the towers and matching on the fused vector. */
export function tinyLoss() {
  return new WeightedSum<FusedOutputs>([
    { name: 'contrastive', loss: new InfoNCE() },
    { name: 'matching', loss: new ImageTextMatching(), weight: 0.5 },
  ]);
}

/** The usual trainer of the tests. */
export function tinyTrainer(model = tinyModel(), options: Partial<TrainerOptions<FusedOutputs>> = {}) {
  return new Trainer(model, {
    loss: tinyLoss(),
    optimizer: new AdamW({ learningRate: 1e-2, groups: { matcher: { learningRate: 4e-2 } } }),
    schedule: warmupCosine({ total: 40, warmup: 4 }),
    clipNorm: 5,
    ...options,
  });
}
