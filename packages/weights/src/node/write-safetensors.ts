import { checkPath } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { type EncodeOptions, layOutSafetensors, type NamedTensors } from '../encode-safetensors.js';

/**
 * Writes a safetensors file atomically: there is never a half-written file under `path`.
 *
 * Tensors are written one by one, so a collection opened from another file is copied without holding it in memory.
 * A checkpoint written under PyTorch's names and shapes loads with `safetensors.torch.load_file` in Python.
 *
 * @throws WeightsError if a tensor's array does not fit its shape
 */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  options: EncodeOptions = {},
): Promise<void> {
  checkPath('weights.writeSafetensors', path);
  const { head, pieces } = layOutSafetensors(tensors, options);
  await writeFileAtomically(path, concat(head, pieces()));
}

function* concat(head: Uint8Array, pieces: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield head;
  yield* pieces;
}
