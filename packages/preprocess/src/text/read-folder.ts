import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '@diptych/core';
import { SENTENCEPIECE_FILES, TOKENIZER_FILES, type TokenizerDefinition, type TokenizerFile } from './definition.js';
import { decodeUtf8, type Files, noVocabulary, VOCABULARY_FILES, wholeFile } from './read-definition.js';
import { fileOfVersion } from './transformers/versioned-files.js';

/**
 * Reads a hub folder, or one vocabulary file of whatever name (JSON is a `tokenizer.json`, `.model` a SentencePiece model, else
 * a `vocab.txt`) with the settings beside it.
 *
 * @param source a path, or a file URL
 *
 * @throws InputError if there is no such file, or it is not UTF-8
 */
export function readDefinition(source: string | URL): TokenizerDefinition {
  const path = String(source).startsWith('file:') ? fileURLToPath(source) : String(source);
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

function readFiles(folder: string, names: readonly TokenizerFile[]): Files {
  const existing = names.filter((name) => existsSync(join(folder, name)));
  return Object.fromEntries(existing.map((name) => [name, readText(join(folder, name))]));
}

function readText(file: string): string {
  return decodeUtf8(readBytes(file), file);
}

function readBytes(file: string): Uint8Array {
  try {
    return wholeFile(readFileSync(file), file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError({ where: file, expected: 'a readable file', problem }, { cause: error });
  }
}
