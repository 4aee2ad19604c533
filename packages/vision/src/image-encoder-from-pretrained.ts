import { ConfigError, type ImageEncoder } from '@diptych/core';
import type { RandomWeights } from '@diptych/nn';
import {
  checkPretrained,
  modelSource,
  openSource,
  type Pretrained,
  type PretrainedOptions,
  readArchitecture,
  type WeightSource,
} from '@diptych/weights';
import { FAMILIES } from './families.js';

/**
 * Loads any image encoder of this package by what its checkpoint says it is.
 *
 * @param model a folder, a hub id, or a source
 * @throws ConfigError for a family that is not here; else as the `fromPretrained` of the family
 */
export async function imageEncoderFromPretrained(
  model: string | WeightSource,
  options: PretrainedOptions & RandomWeights = {},
): Promise<ImageEncoder & Pretrained> {
  checkPretrained('vision.imageEncoderFromPretrained', options);
  const source = await modelSource(openSource(model, options.hub));
  const { library, architecture } = await readArchitecture(source);
  const family = FAMILIES.find(({ architectures }) => architectures?.test(architecture));
  if (family?.fromPretrained) return family.fromPretrained(source, options);
  throw new ConfigError({
    where: 'vision.imageEncoderFromPretrained',
    expected: `a checkpoint of ${FAMILIES.filter(({ fromPretrained }) => fromPretrained)
      .map(({ title }) => title)
      .join(', ')}`,
    got: `${source.name}, which ${library} calls ${architecture}`,
  });
}
