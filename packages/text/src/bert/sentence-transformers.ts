import { WeightsError } from '@diptych/core';
import { isSentenceTransformer, readSentenceTransformer, type WeightSource } from '@diptych/weights';
import type { SequencePooling } from '../pooling.js';

/** What a folder of sentence-transformers says beside the weights. */
export interface SentenceTransformersSettings {
  /** Folder of the transformer inside the source, empty for the top. */
  readonly folder: string;
  readonly pooling?: SequencePooling;
  readonly normalize: boolean;
  /** Longest row that the model was trained with. */
  readonly maxLength?: number;
}

/**
 * Reads `modules.json` and the modules' own configuration: pooling, normalisation, length.
 *
 * @returns undefined if the source is no folder of sentence-transformers
 * @throws WeightsError for modules that this package does not have
 */
export async function readSentenceTransformers(
  source: WeightSource,
): Promise<SentenceTransformersSettings | undefined> {
  if (!(await isSentenceTransformer(source))) return undefined;
  const { transformer, pooling, normalize, maxLength, dense } = await readSentenceTransformer(source);
  if (dense.length > 0) {
    throw new WeightsError({
      where: `${source.name}/modules.json`,
      expected: 'modules Transformer, Pooling, Normalize',
      got: `a module Dense in ${dense.map(({ folder }) => folder).join(', ')}`,
      remedy: 'load the transformer alone: pass its folder as the source, and pooling yourself',
    });
  }
  return { folder: transformer, pooling, normalize, maxLength };
}

/** The place of a file in a folder of the source. */
export function inside(folder: string, file: string): string {
  return folder === '' ? file : `${folder.replace(/\/$/, '')}/${file}`;
}
