import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, InputError, type JsonObject } from '@diptych/core';

/** Files of a hub folder that say how images are prepared; the first that exists counts. */
const CONFIG_FILES = ['preprocessor_config.json', 'open_clip_config.json', 'config.json'];

/**
 * Reads a configuration of a hub: a JSON file, or a folder with one.
 *
 * @throws InputError if there is none, or it is no JSON object
 */
export function readConfig(path: string): JsonObject {
  const file = findConfigFile(path);
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InputError(
      {
        where: file,
        expected: 'a JSON configuration',
        problem: error instanceof Error ? error.message : String(error),
      },
      { cause: error },
    );
  }
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as JsonObject;
  throw new InputError({
    where: file,
    expected: 'a JSON object',
    got: Array.isArray(config) ? 'an array' : typeof config,
  });
}

function findConfigFile(path: string): string {
  if (!existsSync(path)) {
    throw new ConfigError({
      where: 'preprocess.imageTransform',
      expected: "'imagenet', 'torchvision', 'clip', 'siglip', or the path of a configuration file or folder",
      got: path,
      problem: 'there is no such file',
    });
  }
  if (!statSync(path).isDirectory()) return path;
  const file = CONFIG_FILES.map((name) => join(path, name)).find((candidate) => existsSync(candidate));
  if (file) return file;
  throw new InputError({ where: path, expected: `one of ${CONFIG_FILES.join(', ')}`, got: 'a folder without' });
}
