import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, InputError, type JsonObject } from '@diptych/core';

/** Files of a hub folder that say how images are prepared; the first that does counts, in transformers' order. */
const CONFIG_FILES = ['processor_config.json', 'preprocessor_config.json', 'open_clip_config.json', 'config.json'];

/**
 * Reads a configuration of a hub: a JSON file, or a folder with one. The settings of an image processor get the model's type
 * from the config.json beside them, by which transformers finds the class of an image processor that names none.
 *
 * @throws InputError if there is none, or it is no JSON object
 */
export function readConfig(source: string | URL): JsonObject {
  const path = source instanceof URL ? fileURLToPath(source) : source;
  if (!existsSync(path)) {
    throw new ConfigError({
      where: 'preprocess.imageTransform',
      expected: "'imagenet', 'torchvision', 'clip', 'siglip', or the path of a configuration file or folder",
      got: path,
      problem: 'there is no such file',
    });
  }
  if (!statSync(path).isDirectory()) return withModelType(readObject(path), dirname(path));
  for (const name of CONFIG_FILES) {
    const file = join(path, name);
    if (!existsSync(file)) continue;
    const config = readObject(file);
    // only what is nested in it is about pictures
    if (name !== 'processor_config.json' || 'image_processor' in config) return withModelType(config, path);
  }
  throw new InputError({ where: path, expected: `one of ${CONFIG_FILES.join(', ')}`, got: 'a folder without' });
}

function withModelType(config: JsonObject, folder: string): JsonObject {
  const beside = join(folder, 'config.json');
  if ('model_type' in config || 'architecture' in config || !existsSync(beside)) return config;
  const { model_type: modelType } = readObject(beside);
  return modelType === undefined ? config : { ...config, model_type: modelType };
}

function readObject(file: string): JsonObject {
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
