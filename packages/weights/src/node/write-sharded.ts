import { join } from 'node:path';
import { checkFields, checkOptions, checkPath, type OptionNames } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { type EncodeOptions, isTensorCollection, layOutSafetensors, type NamedTensors } from '../encode-safetensors.js';
import type { TensorData } from '../tensor-collection.js';
import { writeSafetensors } from './write-safetensors.js';

/** How a checkpoint is spread over files. */
export interface ShardOptions extends EncodeOptions {
  /** Most bytes of tensors in one file, as they are given; a larger tensor gets a file of its own. Default 5 GB. */
  readonly maxShardBytes?: number;
}

const OPTIONS: OptionNames<ShardOptions> = {
  maxShardBytes: 'optional',
  metadata: 'optional',
  floats: 'optional',
};

/**
 * Writes a checkpoint into a folder as the hub's libraries do: `model.safetensors` where one file is enough, else
 * `model-00001-of-0000N.safetensors` and so on with `model.safetensors.index.json`. The index comes last, so that a
 * reader who finds it finds all.
 *
 * @returns the names of the files written
 * @throws WeightsError if a tensor's array does not fit its shape
 */
export async function writeSharded(
  folder: string,
  tensors: NamedTensors,
  options: ShardOptions = {},
): Promise<readonly string[]> {
  checkOptions('weights.writeSharded', options, OPTIONS);
  const { maxShardBytes = 5e9, ...encoding } = options;
  checkPath('weights.writeSharded', folder);
  checkFields('weights.writeSharded', 'tensors', tensors, []);
  const shards = splitIntoShards(tensors, maxShardBytes);
  if (shards.length <= 1) {
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, encoding);
    return ['model.safetensors'];
  }
  const digits = (value: number) => String(value).padStart(5, '0');
  const weightMap: Record<string, string> = {};
  const files: string[] = [];
  let total = 0;
  for (const [i, names] of shards.entries()) {
    const file = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    // Only this shard's tensors are read.
    const shard = new Map(names.map((name) => [name, tensorOf(tensors, name)]));
    await writeSafetensors(join(folder, file), shard, encoding);
    const { byteLength, head } = layOutSafetensors(shard, encoding);
    total += byteLength - head.length;
    for (const name of names) weightMap[name] = file;
    files.push(file);
  }
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  const text = `${JSON.stringify(index, null, 2)}\n`;
  await writeFileAtomically(join(folder, 'model.safetensors.index.json'), [new TextEncoder().encode(text)]);
  return [...files, 'model.safetensors.index.json'];
}

/** Names in their order, cut where the next tensor would make a file too large. */
function splitIntoShards(tensors: NamedTensors, maxShardBytes: number): string[][] {
  const shards: string[][] = [];
  let room = 0;
  for (const name of namesOf(tensors)) {
    const size = byteLengthOf(tensors, name);
    if (shards.length === 0 || size > room) {
      shards.push([]);
      room = maxShardBytes;
    }
    shards.at(-1)!.push(name);
    room -= size;
  }
  return shards;
}

function namesOf(tensors: NamedTensors): string[] {
  if (isTensorCollection(tensors)) return [...tensors.infos.keys()];
  return tensors instanceof Map ? [...tensors.keys()] : Object.keys(tensors);
}

function tensorOf(tensors: NamedTensors, name: string): TensorData {
  if (isTensorCollection(tensors)) return tensors.read(name);
  return tensors instanceof Map ? tensors.get(name)! : (tensors as Record<string, TensorData>)[name]!;
}

function byteLengthOf(tensors: NamedTensors, name: string): number {
  return isTensorCollection(tensors) ? tensors.infos.get(name)!.byteLength : tensorOf(tensors, name).data.byteLength;
}
