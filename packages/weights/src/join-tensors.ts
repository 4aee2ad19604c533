import { checkFields, checkList, WeightsError } from '@diptych/core';
import type { TensorCollection } from './tensor-collection.js';

/**
 * Several checkpoints as one: a transformer's file and those of the layers behind it.
 *
 * @param parts each with what its tensors' names begin with in the whole, e.g. `dense.0.`; '' leaves names as they are
 * @throws WeightsError if two tensors get one name
 */
export function joinTensors(
  parts: readonly (readonly [prefix: string, tensors: TensorCollection])[],
): TensorCollection {
  checkList('weights.joinTensors', 'the parts', parts);
  for (const part of parts) checkFields('weights.joinTensors', 'tensors', part?.[1], ['infos']);
  const name = parts.map(([, tensors]) => tensors.name).join(' + ');
  const places = new Map<string, readonly [tensors: TensorCollection, own: string]>();
  for (const [prefix, tensors] of parts) {
    for (const own of tensors.infos.keys()) {
      const whole = prefix + own;
      if (places.has(whole)) throw new WeightsError({ where: name, problem: `two tensors are called "${whole}"` });
      places.set(whole, [tensors, own]);
    }
  }
  return {
    name,
    metadata: Object.assign({}, ...parts.map(([, { metadata }]) => metadata)),
    infos: new Map(Array.from(places, ([whole, [tensors, own]]) => [whole, tensors.infos.get(own)!])),
    read: (whole) => {
      const place = places.get(whole);
      if (!place) throw new WeightsError({ where: name, expected: `a tensor "${whole}"`, got: 'none of that name' });
      return place[0].read(place[1]);
    },
  };
}
