import { inference, type PairBatch, type Tokenizer, tokenShape } from '@diptych/core';
import { Bert } from '@diptych/text';
import type { BatchSource } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';

/** Captions through a frozen sentence encoder, each once; heads train on what it gave. */
export interface FrozenText {
  readonly width: number;
  /** The batches of a source with these vectors as `tokens.features`. */
  attach(source: BatchSource): BatchSource;
}

/** Captions at once. */
const BLOCK = 128;

/**
 * Runs a pretrained BERT over the captions.
 *
 * @param folder of the weights, in the layout of the hub
 * @param captions of each pair by its id
 */
export async function freezeText(
  folder: string,
  captions: ReadonlyMap<string, string>,
  tokenizer: Tokenizer,
  maxLength: number,
): Promise<FrozenText> {
  const tower = await Bert.fromPretrained(folder);
  const width = tower.embedDim;
  const vectors = new Map<string, Float32Array>();
  const rows = [...captions];
  for (let start = 0; start < rows.length; start += BLOCK) {
    const block = rows.slice(start, start + BLOCK);
    const tokens = tokenizer.encode(
      block.map(([, caption]) => caption),
      { maxLength, padding: 'longest' },
    );
    const { inputIds, attentionMask } = tokens;
    const shape = tokenShape(tokens);
    const pooled = tf.tidy(() => {
      const ints = (values: Int32Array) => tf.tensor2d(values, shape, 'int32');
      return tower.encode({ inputIds: ints(inputIds), attentionMask: ints(attentionMask) }, inference).pooled;
    });
    const data = await pooled.data();
    pooled.dispose();
    for (const [i, [id]] of block.entries()) {
      vectors.set(id, Float32Array.from(data.subarray(i * width, (i + 1) * width)));
    }
  }
  tower.dispose();
  const withFeatures = (batch: PairBatch): PairBatch => {
    const features = new Float32Array(batch.size * width);
    for (const [i, id] of batch.ids.entries()) features.set(vectors.get(id)!, i * width);
    return { ...batch, tokens: { ...batch.tokens, features } };
  };
  return {
    width,
    attach: (source) => ({
      batchesPerEpoch: source.batchesPerEpoch,
      async *epoch(n) {
        for await (const batch of source.epoch(n)) yield withFeatures(batch);
      },
    }),
  };
}
