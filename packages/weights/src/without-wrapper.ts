import { WeightsError } from '@diptych/core';
import type { TensorCollection } from './tensor-collection.js';

/**
 * What training puts before all names of a state dict: DistributedDataParallel and DataParallel (`module.`), torch.compile
 * (`_orig_mod.`), Lightning and others that keep the network as their `model`.
 */
const WRAPPER = /^(module\.|_orig_mod\.|model\.)+/;

/** peft's names inside a model whose adapters were not merged. */
const ADAPTERS = /\.base_layer\./;

/**
 * A checkpoint under the names of the network itself, where all of its tensors begin with the name of a wrapper.
 *
 * @throws WeightsError for weights that are in two parts, the model's and peft's adapters
 */
export function withoutWrapper(tensors: TensorCollection): TensorCollection {
  const names = [...tensors.infos.keys()];
  const adapted = names.find((name) => ADAPTERS.test(name));
  if (adapted !== undefined) {
    throw new WeightsError({
      where: tensors.name,
      expected: 'the weights of a model',
      got: `adapters of peft beside them: ${adapted}`,
      remedy: 'merge them in Python: `model.merge_and_unload().save_pretrained(folder)`',
    });
  }
  const [wrapper] = WRAPPER.exec(names[0] ?? '') ?? [];
  if (wrapper === undefined || !names.every((name) => name.startsWith(wrapper))) return tensors;
  const infos = new Map([...tensors.infos].map(([name, info]) => [name.slice(wrapper.length), info]));
  return {
    name: tensors.name,
    infos,
    metadata: tensors.metadata,
    // a name without the wrapper's is not there, which the file's own error says
    read: (name) => tensors.read(infos.has(name) ? wrapper + name : name),
  };
}
