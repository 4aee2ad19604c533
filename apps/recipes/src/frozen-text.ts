import { checkEncoded, type PairBatch, type Tokenizer } from '@diptych/core';
import { Bert } from '@diptych/text';
import { type BatchSource, type EmbeddingModel, embedPairs, mapBatches, releaseCompiled } from '@diptych/train';

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
  const towers: EmbeddingModel = {
    encodeImage: () => {
      throw new Error('captions have no pictures');
    },
    encodeText: (text, context) => checkEncoded('recipes.freezeText', tower.encode(text, context), width),
  };
  const source = captionsAlone([...captions], tokenizer, maxLength);
  const { ids, text } = await embedPairs(towers, source, { outputs: ['text'], normalize: false });
  releaseCompiled(towers);
  const vectors = new Map(ids.map((id, row) => [id, text.row(row)]));
  tower.dispose();
  const withFeatures = (batch: PairBatch): PairBatch => {
    const features = new Float32Array(batch.size * width);
    for (const [i, id] of batch.ids.entries()) features.set(vectors.get(id)!, i * width);
    return { ...batch, tokens: { ...batch.tokens, features } };
  };
  return {
    width,
    attach: (source) => mapBatches(source, withFeatures),
  };
}

/** Captions as batches whose pictures nobody reads. */
function captionsAlone(
  rows: readonly (readonly [id: string, caption: string])[],
  tokenizer: Tokenizer,
  maxLength: number,
) {
  return {
    *epoch(): Iterable<PairBatch> {
      for (let start = 0; start < rows.length; start += BLOCK) {
        const block = rows.slice(start, start + BLOCK);
        const captions = block.map(([, caption]) => caption);
        yield {
          size: block.length,
          pixels: { data: new Float32Array(block.length), shape: [block.length, 1, 1, 1] },
          tokens: tokenizer.encode(captions, { maxLength, padding: 'longest' }),
          ids: block.map(([id]) => id),
        };
      }
    },
  };
}
