import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError, type JsonObject } from '@diptych/core';
import {
  isObject,
  SENTENCEPIECE_FILES,
  TOKENIZER_FILES,
  type TokenizerDefinition,
  type TokenizerFile,
} from './definition.js';
import { fileOfVersion } from './transformers/versioned-files.js';

/** One of these must exist; where several do, transformers takes the first. */
const VOCABULARY_FILES: readonly TokenizerFile[] = ['tokenizer.json', 'vocab.txt', 'vocab.json'];

/**
 * Reads a hub folder, or one vocabulary file of whatever name (JSON is a `tokenizer.json`, `.model` a SentencePiece model, else
 * a `vocab.txt`) with the settings beside it.
 *
 * @throws InputError if there is no such file, or it is not UTF-8
 */
export function readDefinition(path: string): TokenizerDefinition {
  if (!existsSync(path)) {
    throw new InputError({
      where: path,
      expected: 'a folder with tokenizer.json, vocab.txt or a SentencePiece model, or one of these files',
      problem: 'there is no such file',
      remedy: 'download the files of the model first',
    });
  }
  const name = basename(path);
  const isFolder = statSync(path).isDirectory();
  const settings = TOKENIZER_FILES.filter((file) => !VOCABULARY_FILES.includes(file));
  if (!isFolder && name.endsWith('.model')) {
    const files = readFiles(dirname(path), settings);
    return { files, sentencePiece: { name, bytes: readBytes(path) }, overrides: {}, path };
  }
  if (!isFolder && !(settings as readonly string[]).includes(name)) {
    const file =
      name.endsWith('.json') && name !== 'vocab.json' ? 'tokenizer.json' : name === 'vocab.json' ? name : 'vocab.txt';
    return { files: { ...readFiles(dirname(path), settings), [file]: readText(path) }, overrides: {}, path };
  }
  const folder = isFolder ? path : dirname(path);
  const files = readFiles(folder, TOKENIZER_FILES);
  const versioned = fileOfVersion(files['tokenizer_config.json']);
  if (versioned !== undefined && existsSync(join(folder, versioned))) {
    files['tokenizer.json'] = readText(join(folder, versioned));
  }
  if (VOCABULARY_FILES.some((file) => files[file] !== undefined)) return { files, overrides: {}, path };
  const model = SENTENCEPIECE_FILES.find((file) => existsSync(join(folder, file)));
  if (model === undefined) throw noVocabulary(folder);
  return { files, sentencePiece: { name: model, bytes: readBytes(join(folder, model)) }, overrides: {}, path };
}

type Files = { [name in TokenizerFile]?: string };

function readFiles(folder: string, names: readonly TokenizerFile[]): Files {
  const existing = names.filter((name) => existsSync(join(folder, name)));
  return Object.fromEntries(existing.map((name) => [name, readText(join(folder, name))]));
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
 * @throws InputError if there is no vocabulary, or a file is not UTF-8
 */
export async function readDefinitionFrom(source: TokenizerSource): Promise<TokenizerDefinition> {
  const listed = await source.list();
  const names = TOKENIZER_FILES.filter((name) => listed.includes(name));
  const text = async (name: string) => decodeUtf8(await source.read(name), `${source.name}/${name}`);
  const files: Files = {};
  const settings = names.filter((name) => !/^(tokenizer\.json|vocab\..*|merges\..*)$/.test(name));
  for (const name of settings) files[name] = await text(name);
  const versioned = fileOfVersion(files['tokenizer_config.json']);
  const whole = [versioned, 'tokenizer.json'].find((name) => name !== undefined && listed.includes(name));
  // a tokenizer.json holds its vocabulary; the others are not worth a download
  if (whole !== undefined) files['tokenizer.json'] = await text(whole);
  else for (const name of names) files[name] ??= await text(name);
  if (VOCABULARY_FILES.some((name) => files[name] !== undefined)) return { files, overrides: {} };
  const model = SENTENCEPIECE_FILES.find((name) => listed.includes(name));
  if (model === undefined) throw noVocabulary(source.name);
  return { files, sentencePiece: { name: model, bytes: await source.read(model) }, overrides: {} };
}

function noVocabulary(where: string): InputError {
  return new InputError({
    where,
    expected: 'tokenizer.json, vocab.txt, vocab.json with merges.txt, or a SentencePiece model such as spiece.model',
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
  return decodeUtf8(readBytes(file), file);
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError({ where: file, expected: 'a readable file', problem }, { cause: error });
  }
}

function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError({ where, expected: 'text in UTF-8', got: 'other bytes' }, { cause: error });
  }
}
