import { WeightsError } from '@diptych/core';
import { describeForeignFormat } from './foreign-format.js';
import type { TensorCollection, TensorInfo } from './tensor-collection.js';
import { checkRelativePath, checkSource, readJson, type WeightSource } from './weight-source.js';
import { withoutWrapper } from './without-wrapper.js';

/** File names that the hub's libraries use, in the order in which they are looked for. */
const USUAL_NAMES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'diffusion_pytorch_model.safetensors',
  'open_clip_model.safetensors',
  'adapter_model.safetensors',
];

/** Which file to open, where the usual names do not do. */
export interface OpenTensorsOptions {
  /** A `.safetensors` file, or the `.index.json` of a sharded one. */
  readonly file?: string;
  /** Look in this folder of the source, e.g. `0_Transformer`. */
  readonly folder?: string;
}

/**
 * Finds and opens a source's tensors: `model.safetensors`, a sharded checkpoint with its index, or the only
 * safetensors file that there is. Pickles are never read.
 *
 * @throws WeightsError if there is none, with advice on how to convert what is there instead; or if it is malformed
 */
export async function openTensors(source: WeightSource, options: OpenTensorsOptions = {}): Promise<TensorCollection> {
  checkSource('weights.openTensors', source);
  const file = options.file ?? (await findTensors(source, options.folder));
  if (typeof file !== 'string') return withoutWrapper(await openParts(source, file));
  return withoutWrapper(await (file.endsWith('.index.json') ? openSharded(source, file) : source.openTensors(file)));
}

/** @returns a file, or the parts of a checkpoint whose index is not there */
async function findTensors(source: WeightSource, folder?: string): Promise<string | readonly string[]> {
  const prefix = folder ? `${folder.replace(/\/$/, '')}/` : '';
  const files = (await source.list())
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length));
  const usual = USUAL_NAMES.find((name) => files.includes(name));
  if (usual) return prefix + usual;
  const candidates = files.filter((path) => /^[^/]*\.safetensors(\.index\.json)?$/.test(path));
  if (candidates.length === 1) return prefix + candidates[0]!;
  if (candidates.length > 1) {
    const indexes = candidates.filter((path) => path.endsWith('.index.json'));
    if (indexes.length === 1) return prefix + indexes[0]!;
    if (isWhole(candidates)) return candidates.map((path) => prefix + path);
    throw new WeightsError({
      where: source.name,
      expected: 'one safetensors file',
      got: candidates.join(', '),
      remedy: 'name one with the option `file`',
    });
  }
  const foreign = files.filter((path) => !path.includes('/')).map((path) => describeForeignFormat(path));
  const error = foreign.find((found) => found !== undefined);
  throw new WeightsError({
    where: source.name,
    expected: `a safetensors file${folder ? ` in ${folder}` : ''}`,
    got: error ? `only ${error.where}` : files.slice(0, 10).join(', ') || 'no files',
    remedy: error?.remedy,
  });
}

/** `model-00001-of-00003.safetensors` and all the others of its number, and nothing else. */
function isWhole(files: readonly string[]): boolean {
  const parts = files.map((file) => /^(.*)-(\d{5})-of-(\d{5})\.safetensors$/.exec(file));
  return parts.every(
    (part, i) =>
      part !== null && part[1] === parts[0]![1] && Number(part[2]) === i + 1 && Number(part[3]) === files.length,
  );
}

/** The tensors of all parts, as an index would name them. */
async function openParts(source: WeightSource, files: readonly string[]): Promise<TensorCollection> {
  const owners = new Map<string, TensorCollection>();
  for (const file of files) {
    const part = await source.openTensors(file);
    for (const name of part.infos.keys()) owners.set(name, part);
  }
  return {
    name: `${source.name}/${files[0]}`,
    infos: new Map([...owners].map(([name, part]) => [name, part.infos.get(name)!])),
    metadata: {},
    read: (name) => (owners.get(name) ?? [...owners.values()][0]!).read(name),
  };
}

/**
 * Opens a checkpoint that is spread over several files, by its index: `{ "weight_map": { tensor: file } }`.
 *
 * Every shard's header is read at once; each tensor of the index must be in its shard.
 *
 * @throws WeightsError if the index or a shard is malformed, or they disagree
 */
export async function openSharded(source: WeightSource, indexPath: string): Promise<TensorCollection> {
  checkSource('weights.openSharded', source);
  const where = `${source.name}/${indexPath}`;
  const { weight_map: weightMap, metadata } = await readJson(source, indexPath);
  if (typeof weightMap !== 'object' || weightMap === null || Array.isArray(weightMap)) {
    throw new WeightsError({ where, expected: 'an object weight_map' });
  }
  const shardOf = new Map<string, string>();
  for (const [name, file] of Object.entries(weightMap)) {
    if (typeof file !== 'string') throw new WeightsError({ where, expected: `a file name for tensor "${name}"` });
    shardOf.set(name, checkRelativePath(where, file));
  }
  const folder = indexPath.slice(0, indexPath.lastIndexOf('/') + 1);
  const there = await source.list();
  const absent = [...new Set(shardOf.values())].filter((file) => !there.includes(folder + file));
  if (absent.length > 0) {
    throw new WeightsError({
      where,
      expected: `${new Set(shardOf.values()).size} files of tensors beside it`,
      got: `none of ${absent.join(', ')}`,
      remedy: 'a download or copy that was interrupted? Fetch them as well',
    });
  }
  const shards = new Map<string, TensorCollection>();
  for (const file of new Set(shardOf.values())) shards.set(file, await source.openTensors(folder + file));

  const infos = new Map<string, TensorInfo>();
  for (const [name, file] of shardOf) {
    const info = shards.get(file)!.infos.get(name);
    if (!info) {
      throw new WeightsError({
        where,
        expected: `tensor "${name}" in ${file}`,
        got: 'none of that name there',
        remedy: 'index and shards belong to different checkpoints: fetch all of them again',
      });
    }
    infos.set(name, info);
  }
  return {
    name: where,
    infos,
    metadata: stringsOf(metadata),
    read: (name) => {
      const file = shardOf.get(name);
      if (file === undefined)
        throw new WeightsError({ where, expected: `a tensor "${name}"`, got: 'none of that name' });
      return shards.get(file)!.read(name);
    },
  };
}

function stringsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== 'object' || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
}
