import { checkFields, WeightsError } from '@diptych/core';
import type { TensorCollection, TensorData } from './tensor-collection.js';

/**
 * A checkpoint in which some tensors are others: position embeddings resampled for another picture size, a table of
 * words made longer. The original is not touched, and its other tensors are still read one by one.
 *
 * @param replacements by name in the checkpoint; what is read in their place
 * @throws WeightsError if the checkpoint has no tensor of such a name
 */
export function replaceTensors(
  tensors: TensorCollection,
  replacements: Readonly<Record<string, TensorData>>,
): TensorCollection {
  checkFields('weights.replaceTensors', 'tensors', tensors, ['infos']);
  checkFields('weights.replaceTensors', 'replacements', replacements, []);
  const infos = new Map(tensors.infos);
  for (const [name, { dtype, shape, data }] of Object.entries(replacements)) {
    if (!infos.has(name)) {
      throw new WeightsError({
        where: tensors.name,
        expected: `a tensor "${name}" to replace`,
        got: 'none of that name',
      });
    }
    infos.set(name, { storedDtype: STORED_NAMES[dtype], shape, byteLength: data.byteLength });
  }
  return {
    name: tensors.name,
    metadata: tensors.metadata,
    infos,
    read: (name) => (Object.hasOwn(replacements, name) ? replacements[name]! : tensors.read(name)),
  };
}

/** What a file would call the dtypes of arrays. */
export const STORED_NAMES = { float32: 'F32', int32: 'I32', uint8: 'U8', bool: 'BOOL' } as const;
