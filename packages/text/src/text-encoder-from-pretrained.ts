import { ConfigError, type TextEncoder } from '@diptych/core';
import {
  checkPretrained,
  isSentenceTransformer,
  modelSource,
  openSource,
  type Pretrained,
  readArchitecture,
  type WeightSource,
} from '@diptych/weights';
import { Bert } from './bert/bert.js';
import { FAMILIES } from './families.js';
import type { TextPretrainedOptions } from './token-table.js';

/**
 * Loads any text encoder of this package by what its checkpoint says it is.
 *
 * @param model a folder, a hub id, or a source
 * @throws ConfigError for a family that is not here; else as the `fromPretrained` of the family
 */
export async function textEncoderFromPretrained(
  model: string | WeightSource,
  options: TextPretrainedOptions = {},
): Promise<TextEncoder & Pretrained> {
  checkPretrained('text.textEncoderFromPretrained', options, ['vocabSize', 'newTokens']);
  const source = await modelSource(openSource(model, options.hub));
  if (await isSentenceTransformer(source)) return Bert.fromPretrained(source, options);
  const { library, architecture } = await readArchitecture(source, { modelType: 'bert' });
  const family = FAMILIES.find(({ modelTypes }) => library === 'transformers' && modelTypes.includes(architecture));
  if (family) return family.fromPretrained(source, options);
  throw new ConfigError({
    where: 'text.textEncoderFromPretrained',
    expected: `a checkpoint of ${FAMILIES.flatMap(({ modelTypes }) => modelTypes).join(', ')}`,
    got: `${source.name}, which ${library} calls ${architecture}`,
  });
}
