import { type JsonObject, WeightsError } from '@diptych/core';
import { hasFile, readJson, readJsonValue, type WeightSource } from '@diptych/weights';
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
  if (!(await hasFile(source, 'modules.json'))) return undefined;
  const modules = (await readJsonValue(source, 'modules.json')) as { path?: string; type?: string }[];
  const where = `${source.name}/modules.json`;
  if (!Array.isArray(modules)) throw new WeightsError({ where, expected: 'a list of modules' });
  let folder = '';
  let pooling: SequencePooling | undefined;
  let normalize = false;
  for (const { path = '', type = '' } of modules) {
    const kind = type.slice(type.lastIndexOf('.') + 1);
    if (kind === 'Transformer') folder = path;
    else if (kind === 'Pooling')
      pooling = poolingOf(`${source.name}/${path}`, await readJson(source, inside(path, 'config.json')));
    else if (kind === 'Normalize') normalize = true;
    else {
      throw new WeightsError({
        where,
        expected: 'modules Transformer, Pooling, Normalize',
        got: type,
        remedy: 'load the transformer alone: pass its folder as the source, and pooling yourself',
      });
    }
  }
  return { folder, pooling, normalize, maxLength: await readMaxLength(source, folder) };
}

/** The place of a file in a folder of the source. */
export function inside(folder: string, file: string): string {
  return folder === '' ? file : `${folder.replace(/\/$/, '')}/${file}`;
}

const POOLING_FIELDS: Readonly<Record<string, SequencePooling>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
};

/** Newer files name the mode, older ones set one flag of several. */
function poolingOf(where: string, config: JsonObject): SequencePooling {
  const modes: readonly unknown[] =
    config.pooling_mode === undefined
      ? Object.keys(config)
          .filter((key) => key.startsWith('pooling_mode_') && config[key] === true)
          .map((key) => POOLING_FIELDS[key] ?? key)
      : [config.pooling_mode].flat();
  const [mode] = modes;
  if (modes.length === 1 && (mode === 'cls' || mode === 'mean' || mode === 'max')) return mode;
  throw new WeightsError({ where, expected: 'one pooling of cls, mean, max', got: modes.join(', ') || 'none' });
}

async function readMaxLength(source: WeightSource, folder: string): Promise<number | undefined> {
  const file = inside(folder, 'sentence_bert_config.json');
  if (!(await hasFile(source, file))) return undefined;
  const { max_seq_length: length } = await readJson(source, file);
  return typeof length === 'number' ? length : undefined;
}
