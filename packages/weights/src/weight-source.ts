import { checkMethods, type JsonObject, standInOf, WeightsError } from '@diptych/core';
import type { TensorCollection } from './tensor-collection.js';

/**
 * A model's files, wherever they are: `config.json`, tensors, tokenizer files. Paths are relative, with `/`.
 *
 * Write your own for another store: every driver passes the same contract (`testWeightSource` in `@diptych/testing`).
 */
export interface WeightSource {
  /** What messages call it: a folder, a hub id with its revision. */
  readonly name: string;
  /** All files, sorted. */
  list(): Promise<readonly string[]>;
  /**
   * A file's bytes.
   *
   * @throws WeightsError if there is no such file, HubError if it cannot be fetched
   */
  read(path: string): Promise<Uint8Array>;
  /**
   * Opens a safetensors file; where the store allows it, tensors are read from it one by one.
   *
   * @throws WeightsError if it is missing or malformed
   */
  openTensors(path: string): Promise<TensorCollection>;
}

/**
 * Checks that something is a source of files.
 *
 * @throws ConfigError that names the methods which are missing
 */
export function checkSource(where: string, source: WeightSource): void {
  checkMethods(where, source, ['list', 'read', 'openTensors'], 'openSource(id or folder) makes one');
}

/** True if the source has such a file. */
export async function hasFile(source: WeightSource, path: string): Promise<boolean> {
  checkSource('weights.hasFile', source);
  return (await source.list()).includes(path);
}

/** A text file, as UTF-8. */
export async function readText(source: WeightSource, path: string): Promise<string> {
  checkSource('weights.readText', source);
  return new TextDecoder().decode(await source.read(path));
}

/**
 * A JSON file that holds an object.
 *
 * @throws WeightsError if it is missing, no JSON or no object
 */
export async function readJson(source: WeightSource, path: string): Promise<JsonObject> {
  const value = await readJsonValue(source, path);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new WeightsError({ where: `${source.name}/${path}`, expected: 'a JSON object' });
}

/**
 * A JSON file, whatever it holds.
 *
 * @throws WeightsError if there is none, or it is not valid JSON
 */
export async function readJsonValue(source: WeightSource, path: string): Promise<unknown> {
  const text = await readText(source, path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { name, remedy } = standInOf(text) ?? {};
    throw new WeightsError(
      {
        where: `${source.name}/${path}`,
        problem: `not valid JSON: ${name ?? (cause as Error).message.slice(0, 120)}`,
        remedy,
      },
      { cause },
    );
  }
}

/** The error of a source that lacks a file; names like ones it has. */
export function missingFile(source: WeightSource, path: string, files: readonly string[]): WeightsError {
  const some = files.slice(0, 10).join(', ');
  return new WeightsError({
    where: source.name,
    expected: `a file ${path}`,
    got: files.length === 0 ? 'no files' : `${some}${files.length > 10 ? `, … (${files.length} files)` : ''}`,
    remedy: adviceOn(path, files),
  });
}

/** What people have in the place of a model's folder. */
function adviceOn(path: string, files: readonly string[]): string | undefined {
  if (files.includes('adapter_config.json')) {
    return 'these are adapters of peft, not a model: merge them into theirs in Python, `model.merge_and_unload().save_pretrained(folder)`';
  }
  if (files.includes('open_clip_config.json')) {
    return "this is open_clip's own layout: take the model's folder of transformers (most on the hub have both), or convert it";
  }
  const folders = files.filter((file) => file.endsWith(`/${path}`)).map((file) => file.slice(0, -path.length - 1));
  if (folders.length === 0 || path.includes('/')) return undefined;
  return `${path} lies in ${folders.slice(0, 5).join(', ')}${folders.length > 5 ? ', …' : ''}: name that folder`;
}

/**
 * Checks a path that came from outside before it is joined to a folder.
 *
 * @throws WeightsError if it is absolute or climbs out
 */
export function checkRelativePath(where: string, path: string): string {
  const parts = path.split('/');
  const bad =
    path === '' || /[\\\0]|^[a-zA-Z]:/.test(path) || parts.some((part) => part === '' || /^\.\.?$/.test(part));
  if (!bad) return path;
  throw new WeightsError({
    where,
    expected: 'a relative path with / and without ..',
    got: JSON.stringify(path.slice(0, 200)),
  });
}
