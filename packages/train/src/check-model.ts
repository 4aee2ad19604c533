import { checkMethods, type TextEncoder } from '@diptych/core';
import type { BatchSource } from './batches/batch-source.js';
import type { TrainableModel } from './trainable-model.js';

/**
 * Checks that something is a model that trains or embeds.
 *
 * @throws ConfigError that names the methods which it lacks
 */
export function checkModel(where: string, model: Pick<TrainableModel, 'encodeImage' | 'encodeText'>): void {
  checkMethods(where, model, ['encodeImage', 'encodeText'], 'new MultiModalEncoder({ image, text })');
}

/** The vocabulary of a model whose text tower says it. */
export function vocabSizeOf(model: object): number | undefined {
  return (model as { readonly text?: TextEncoder }).text?.vocabSize;
}

/** @throws ConfigError unless it is an encoder of pictures and one of texts */
export function checkTowers(where: string, towers: { readonly image: object; readonly text: object }): void {
  for (const tower of ['image', 'text'] as const) {
    checkMethods(
      `${where}: towers.${tower}`,
      towers?.[tower],
      ['encode'],
      '{ image: new SmallCNN(…), text: new BagOfTokens(…) }',
    );
  }
}

/** @throws ConfigError unless it gives batches, over and over again */
export function checkSource(where: string, source: BatchSource): void {
  checkMethods(`${where}: source`, source, ['epoch'], 'new DataLoader(source, { transform, tokenizer, batchSize })');
}
