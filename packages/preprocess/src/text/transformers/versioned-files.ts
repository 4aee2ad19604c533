import { isObject } from '../definition.js';

/** The version of transformers whose reading is followed. */
const TRANSFORMERS = [5, 24, 0];

/**
 * The `tokenizer.<version>.json` that transformers reads in place of `tokenizer.json`: of those that `fast_tokenizer_files` of
 * `tokenizer_config.json` lists, in the order of their names, the last before one that is too new (`get_fast_tokenizer_file`).
 *
 * @param config text of `tokenizer_config.json`; whether it is JSON is checked where it is read
 */
export function fileOfVersion(config: string | undefined): string | undefined {
  const files = config === undefined ? undefined : listIn(config);
  const byVersion = new Map<string, string>();
  for (const file of files ?? []) {
    const version = typeof file === 'string' ? /tokenizer\.(.*)\.json/.exec(file)?.[1] : undefined;
    if (version !== undefined && !/[\\/]/.test(file)) byVersion.set(version, file);
  }
  let found: string | undefined;
  for (const version of [...byVersion.keys()].sort()) {
    if (isTooNew(version)) break;
    found = byVersion.get(version);
  }
  return found;
}

function listIn(config: string): readonly string[] | undefined {
  if (!config.includes('fast_tokenizer_files')) return undefined;
  try {
    const value: unknown = JSON.parse(config);
    return isObject(value) && Array.isArray(value.fast_tokenizer_files)
      ? (value.fast_tokenizer_files as string[])
      : undefined;
  } catch {
    return undefined;
  }
}

function isTooNew(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, known] of TRANSFORMERS.entries()) {
    const part = parts[i] ?? 0;
    if (part !== known) return !(part < known);
  }
  return parts.length > TRANSFORMERS.length;
}
