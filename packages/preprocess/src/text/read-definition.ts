import { InputError, type JsonObject, standInOf } from '@diptych/core';
import {
  isObject,
  SENTENCEPIECE_FILES,
  TOKENIZER_FILES,
  type TokenizerDefinition,
  type TokenizerFile,
} from './definition.js';
import { fileOfVersion } from './transformers/versioned-files.js';

/** One of these must exist; where several do, transformers takes the first. */
export const VOCABULARY_FILES: readonly TokenizerFile[] = ['tokenizer.json', 'vocab.txt', 'vocab.json'];

/** Texts of a tokenizer's files while they are read. */
export type Files = { [name in TokenizerFile]?: string };

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
  const bytes = async (name: string) => wholeFile(await source.read(name), `${source.name}/${name}`);
  const text = async (name: string) => decodeUtf8(await bytes(name), `${source.name}/${name}`);
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
  return { files, sentencePiece: { name: model, bytes: await bytes(model) }, overrides: {} };
}

/** The error of a place without a vocabulary. */
export function noVocabulary(where: string): InputError {
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

/**
 * What was read of a file, unless it stands in for it: a vocabulary of three words, for who takes the pointer of Git LFS for it.
 *
 * @throws InputError that says what to fetch
 */
export function wholeFile(bytes: Uint8Array, where: string): Uint8Array {
  const standIn = standInOf(new TextDecoder().decode(bytes.subarray(0, 64)));
  if (!standIn) return bytes;
  throw new InputError({ where, expected: 'a file of a tokenizer', got: standIn.name, remedy: standIn.remedy });
}

/** @throws InputError if they are no UTF-8 */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError({ where, expected: 'text in UTF-8', got: 'other bytes' }, { cause: error });
  }
}
