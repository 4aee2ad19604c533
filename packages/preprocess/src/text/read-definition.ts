import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError, type JsonObject } from '@diptych/core';
import { isObject, type TokenizerDefinition } from './definition.js';

const CONFIG_FILE = 'tokenizer_config.json';
/** The first that exists counts. */
const VOCABULARY_FILES = ['tokenizer.json', 'vocab.txt'] as const;

/**
 * Reads a hub folder (`tokenizer.json`, else `vocab.txt`), or one such file; `tokenizer_config.json` beside it counts too.
 *
 * @throws InputError if there is no such file, or it is not UTF-8, or no JSON where it should be
 */
export function readDefinition(path: string): TokenizerDefinition {
  const file = vocabularyFile(path);
  const configFile = join(dirname(file), CONFIG_FILE);
  const config = existsSync(configFile) ? parseJson(readText(configFile), configFile) : {};
  const isJson = file.endsWith('.json');
  return { file: isJson ? 'tokenizer.json' : 'vocab.txt', content: readText(file), config, path: file };
}

/** Where a model's files are: a `WeightSource` of `@diptych/weights`, or anything of this shape. */
export interface TokenizerSource {
  /** For messages. */
  readonly name: string;
  list(): Promise<readonly string[]>;
  read(path: string): Promise<Uint8Array>;
}

/**
 * Reads the files of a tokenizer from a hub or another store.
 *
 * @throws InputError if there is neither `tokenizer.json` nor `vocab.txt`, or they are malformed
 */
export async function readDefinitionFrom(source: TokenizerSource): Promise<TokenizerDefinition> {
  const files = await source.list();
  const file = VOCABULARY_FILES.find((name) => files.includes(name));
  if (!file) throw noVocabulary(source.name);
  const text = async (name: string) => decodeUtf8(await source.read(name), `${source.name}/${name}`);
  const config = files.includes(CONFIG_FILE) ? parseJson(await text(CONFIG_FILE), `${source.name}/${CONFIG_FILE}`) : {};
  return { file, content: await text(file), config };
}

function vocabularyFile(path: string): string {
  if (!existsSync(path)) {
    throw new InputError({
      where: path,
      expected: 'a folder with tokenizer.json or vocab.txt, or one of these files',
      problem: 'there is no such file',
      remedy: 'download the files of the model first',
    });
  }
  if (!statSync(path).isDirectory()) {
    if (basename(path) === CONFIG_FILE) return vocabularyFile(dirname(path));
    return path;
  }
  for (const name of VOCABULARY_FILES) {
    const file = join(path, name);
    if (existsSync(file)) return file;
  }
  throw noVocabulary(path);
}

function noVocabulary(where: string): InputError {
  return new InputError({
    where,
    expected: 'tokenizer.json or vocab.txt',
    got: 'a folder without',
    remedy: 'make one with transformers: AutoTokenizer.from_pretrained(id).save_pretrained(folder)',
  });
}

/**
 * Parses a JSON object.
 *
 * @throws InputError otherwise
 */
export function parseJson(text: string, where: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError({ where, expected: 'JSON', problem }, { cause: error });
  }
  if (isObject(value)) return value;
  throw new InputError({ where, expected: 'a JSON object', got: Array.isArray(value) ? 'an array' : typeof value });
}

function readText(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError({ where: file, expected: 'a readable file', problem }, { cause: error });
  }
  return decodeUtf8(bytes, file);
}

function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError({ where, expected: 'text in UTF-8', got: 'other bytes' }, { cause: error });
  }
}
