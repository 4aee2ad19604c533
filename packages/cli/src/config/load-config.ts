import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, isDiptychError, nearestName } from '@diptych/core';
import { createJiti } from 'jiti';
import * as v from 'valibot';
import { CONFIG_SCHEMA, type ConfigFlags, type DiptychConfig, ownPairs } from './schema.js';

/** Looked for in the folder where the command runs, in this order. */
export const CONFIG_FILES = [
  'diptych.config.ts',
  'diptych.config.mts',
  'diptych.config.js',
  'diptych.config.mjs',
  'diptych.config.json',
] as const;

/** A configuration, with its paths made absolute. */
export interface LoadedConfig {
  /** Where it was read; undefined without a file. */
  readonly file: string | undefined;
  readonly config: DiptychConfig;
}

/**
 * Reads a configuration: TypeScript, JavaScript or JSON. Paths in it count from its folder.
 *
 * @param flags of the command, for a configuration that is a function of them
 * @param file that was asked for; without one a file of {@link CONFIG_FILES} in `folder`, where there is one
 * @throws ConfigError if the file is not there, cannot be run, or holds what is no configuration, with the key
 */
export async function loadConfig(
  file: string | undefined,
  folder: string,
  flags: ConfigFlags = {},
): Promise<LoadedConfig> {
  const found = file ?? CONFIG_FILES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) return { file: undefined, config: {} };
  const path = resolve(found);
  if (!existsSync(path)) {
    throw new ConfigError({ where: '--config', expected: 'a configuration file', got: `no file ${found}` });
  }
  const made = await importConfig(found, path);
  const config: unknown = typeof made === 'function' ? await made(flags) : made;
  return { file: path, config: fromItsFolder(checkConfig(found, config), dirname(path)) };
}

async function importConfig(shown: string, path: string): Promise<unknown> {
  // TypeScript alone goes through the loader: packages that it imports are Node's own, one copy of each
  const jiti = createJiti(import.meta.url, { extensions: ['.ts', '.mts', '.json'], fsCache: false });
  try {
    return await jiti.import(path, { default: true });
  } catch (cause) {
    if (isDiptychError(cause)) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError({ where: shown, problem: `it cannot be run: ${message.split('\n')[0]}` }, { cause });
  }
}

/** @throws ConfigError that names the key, and the nearest known one for a key that nobody knows */
export function checkConfig(where: string, value: unknown): DiptychConfig {
  const result = v.safeParse(CONFIG_SCHEMA, value);
  if (result.success) return result.output;
  const isUnknownKey = ({ type, expected }: (typeof result.issues)[0]) =>
    type === 'strict_object' && expected === 'never';
  const issue = result.issues.find(isUnknownKey) ?? result.issues[0];
  const keys = issue.path?.map(({ key }) => String(key)) ?? [];
  if (isUnknownKey(issue)) {
    const known = Object.keys(schemaAt(keys).entries);
    const near = nearestName(keys.at(-1)!, known);
    throw new ConfigError({
      where,
      expected: `the keys ${known.join(', ')}`,
      got: keys.join('.'),
      remedy: near === undefined ? `leave ${keys.join('.')} out` : `did you mean ${near}?`,
    });
  }
  throw new ConfigError({
    where: keys.length === 0 ? where : `${where}: ${keys.join('.')}`,
    expected: keys.length === 0 ? 'export default { … }' : (issue.expected ?? issue.message),
    got: issue.received,
  });
}

/** What the object may hold in which a key stands. */
function schemaAt(keys: readonly string[]) {
  if (keys.length > 1 && keys[0] === 'data') return ownPairs;
  return keys.length > 1 && keys[0] === 'columns' ? CONFIG_SCHEMA.entries.columns.wrapped : CONFIG_SCHEMA;
}

function fromItsFolder(config: DiptychConfig, folder: string): DiptychConfig {
  const { data, runs, wordVectors, image, text, model, pictures } = config;
  const at = (path: string) => resolve(folder, path);
  // a folder, or an id of the hub
  const tower = (name: string) => (existsSync(at(name)) || /^[./]/.test(name) ? at(name) : name);
  return {
    ...config,
    ...(typeof data === 'string' && { data: at(data) }),
    ...(pictures !== undefined && { pictures: at(pictures) }),
    ...(runs !== undefined && { runs: at(runs) }),
    ...(wordVectors !== undefined && { wordVectors: at(wordVectors) }),
    ...(image !== undefined && { image: tower(image) }),
    ...(text !== undefined && { text: tower(text) }),
    ...(model !== undefined && { model: tower(model) }),
  };
}
