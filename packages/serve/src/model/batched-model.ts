import type { MatrixData } from '@diptych/core';
import type { WordAttention } from 'diptych';
import { Batcher, type BatcherOptions } from './batcher.js';
import type { Embedder } from './embedder.js';

/** A picture with a text, for the matcher. */
export interface MatchItem {
  readonly image: Uint8Array;
  readonly text: string;
}

/** A model behind one queue a kind of work. */
export class BatchedModel {
  readonly embedDim: number;
  readonly texts: Batcher<string, Float32Array>;
  readonly images: Batcher<Uint8Array, Float32Array>;
  /** Undefined for a model without a matcher. */
  readonly matches: Batcher<MatchItem, number> | undefined;
  /** Undefined for a model that cannot say where it looks for a word. */
  readonly attention: Batcher<MatchItem, WordAttention> | undefined;

  constructor(
    model: Embedder,
    options: Omit<BatcherOptions, 'onBatch'> & { onBatch?: (kind: string, size: number) => void },
  ) {
    this.embedDim = model.embedDim;
    const batcher = <Item, Row>(kind: string, run: (items: readonly Item[]) => Promise<readonly Row[]>) =>
      new Batcher(run, { ...options, onBatch: (size) => options.onBatch?.(kind, size) });
    this.texts = batcher('text', async (texts: readonly string[]) => rowsOf(await model.embedText(texts)));
    this.images = batcher('image', async (images: readonly Uint8Array[]) => rowsOf(await model.embedImages(images)));
    if (model.attentionByWord && model.attendsByWord !== false) {
      // texts have as many words as they have: one after the other
      this.attention = new Batcher(async ([item]) => [await model.attentionByWord!(item!.image, item!.text)], {
        ...options,
        maxBatch: 1,
        onBatch: (size) => options.onBatch?.('attention', size),
      });
    }
    if (!model.matchLogits) return;
    this.matches = batcher('match', async (items: readonly MatchItem[]) =>
      Array.from(
        await model.matchLogits!(
          items.map(({ image }) => image),
          items.map(({ text }) => text),
        ),
      ),
    );
  }

  get waiting(): number {
    return this.texts.waiting + this.images.waiting + (this.matches?.waiting ?? 0) + (this.attention?.waiting ?? 0);
  }
}

function rowsOf({ data, shape: [count, width] }: MatrixData): Float32Array[] {
  return Array.from({ length: count }, (_, row) => data.subarray(row * width, (row + 1) * width));
}
