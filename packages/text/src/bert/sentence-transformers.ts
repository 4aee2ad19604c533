import {
  isSentenceTransformer,
  readSentenceTransformer,
  type SentenceTransformer,
  type WeightSource,
} from '@diptych/weights';

/** What a folder of sentence-transformers says beside the weights; a plain folder says nothing. */
export type SentenceTransformersSettings = Partial<SentenceTransformer> &
  Pick<SentenceTransformer, 'transformer' | 'dense'>;

/**
 * Reads `modules.json` and the modules' own configuration, where a source has them: pooling, layers after it,
 * normalisation, length.
 *
 * @throws WeightsError for modules that this package does not have
 */
export async function readSentenceTransformers(source: WeightSource): Promise<SentenceTransformersSettings> {
  const known = await isSentenceTransformer(source);
  return known ? readSentenceTransformer(source) : { transformer: '', dense: [] };
}
