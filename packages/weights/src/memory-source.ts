import { checkFields } from '@diptych/core';
import { parseSafetensors } from './safetensors.js';
import { missingFile, type WeightSource } from './weight-source.js';

/**
 * Files held in memory: for tests, and for bytes that an application fetched or unpacked itself.
 *
 * @param files content by path; text is encoded as UTF-8
 * @param name what messages call it
 * @throws WeightsError from its methods, for a file that is not there
 */
export function memorySource(files: Readonly<Record<string, Uint8Array | string>>, name = 'memory'): WeightSource {
  checkFields('weights.memorySource', 'files by name', files, []);
  const contents = new Map(Object.entries(files));
  const paths = [...contents.keys()].sort();
  const source: WeightSource = {
    name,
    list: async () => paths,
    read: async (path) => {
      const content = contents.get(path);
      if (content === undefined) throw missingFile(source, path, paths);
      return typeof content === 'string' ? new TextEncoder().encode(content) : content;
    },
    openTensors: async (path) => parseSafetensors(await source.read(path), `${name}/${path}`),
  };
  return source;
}
