import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError, type JsonObject } from '@diptych/core';
import { isObject, type TokenizerDefinition } from './definition.js';

const CONFIG_FILE = 'tokenizer_config.json';

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
  for (const name of ['tokenizer.json', 'vocab.txt']) {
    const file = join(path, name);
    if (existsSync(file)) return file;
  }
  throw new InputError({
    where: path,
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
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError({ where: file, expected: 'text in UTF-8', problem }, { cause: error });
  }
}
