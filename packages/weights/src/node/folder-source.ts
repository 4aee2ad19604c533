import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkPath, WeightsError } from '@diptych/core';
import { checkRelativePath, missingFile, type WeightSource } from '../weight-source.js';
import { openSafetensors } from './open-safetensors.js';

/**
 * A folder in the hub's layout: `config.json`, `model.safetensors`, tokenizer files.
 *
 * @param path the folder
 * @param name what messages call it; by default its path
 * @throws WeightsError if there is no such folder
 */
export function folderSource(path: string, name = path): WeightSource {
  checkPath('weights.folderSource', path);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new WeightsError({ where: path, expected: 'a folder', got: 'none of that name' });
  }
  const source: WeightSource = {
    name,
    list: async () => listFiles(path),
    read: async (file) => {
      checkRelativePath(name, file);
      try {
        return await readFile(join(path, file));
      } catch (cause) {
        throw await readError(source, file, cause);
      }
    },
    openTensors: async (file) => {
      checkRelativePath(name, file);
      if (!statSync(join(path, file), { throwIfNoEntry: false })) throw missingFile(source, file, await source.list());
      return openSafetensors(join(path, file));
    },
  };
  return source;
}

async function readError(source: WeightSource, file: string, cause: unknown): Promise<WeightsError> {
  if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return missingFile(source, file, await source.list());
  const problem = `cannot be read: ${(cause as Error).message}`;
  return new WeightsError({ where: `${source.name}/${file}`, problem }, { cause });
}

/** All files below a folder, with `/`, sorted. Links are followed, as the hub's cache consists of them. */
export function listFiles(folder: string): string[] {
  const found: string[] = [];
  const walk = (prefix: string) => {
    for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
      const path = prefix + entry.name;
      if (entry.isDirectory()) {
        if (entry.name !== '.git') walk(`${path}/`);
      } else if (entry.isFile() || statSync(join(folder, path), { throwIfNoEntry: false })?.isFile()) {
        found.push(path);
      }
    }
  };
  walk('');
  return found.sort();
}
