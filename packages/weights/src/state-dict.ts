import { buffersOf, parametersOf, type Stateful } from '@diptych/core';
import type { TensorData } from './tensor-collection.js';

/**
 * Copies a part's parameters and buffers to the host, under their names: PyTorch's names and shapes, as all modules
 * of diptych have them. Counterpart of `torch.nn.Module.state_dict`.
 *
 * @returns arrays that no tensor shares
 */
export async function stateDict(target: Stateful): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const [name, variable] of [...parametersOf(target), ...buffersOf(target)]) {
    const dtype = variable.dtype as 'float32' | 'int32' | 'bool';
    // Backends may hand out their own memory.
    const data = (await variable.data()).slice();
    tensors.set(name, { dtype, shape: [...variable.shape], data } as TensorData);
  }
  return tensors;
}
