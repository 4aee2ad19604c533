import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { ConfigError, checkOptions, checkPath, type OptionNames, StoreError } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { modelId } from './model-id.js';

/** What is known of an index of pictures beside its vectors. */
export interface IndexFacts {
  /** The model folder that it was made with. */
  readonly model?: string;
  /** Names that model's weights; {@link writeIndexFacts} finds it out. */
  readonly modelId?: string;
  /** The folder that the rows' `path` counts from. */
  readonly pictures: string;
}

const FACTS: OptionNames<IndexFacts> = { model: 'optional', modelId: 'optional', pictures: 'required' };
const FILE = 'pictures.json';
const FORMAT = 'diptych-pictures';

/**
 * Writes these facts into the folder of an index. Paths are kept relative to it, so that all may move together.
 *
 * @throws ConfigError for what are no paths, and for another model than the index was begun with
 */
export async function writeIndexFacts(index: string, known: IndexFacts): Promise<void> {
  const where = 'serve.writeIndexFacts';
  checkPath(where, index);
  checkOptions(where, known, FACTS);
  const { model, pictures } = known;
  checkPath(`${where}: pictures`, pictures);
  if (model !== undefined) checkPath(`${where}: model`, model);
  const from = resolve(index);
  const id = model === undefined ? undefined : await modelId(model);
  checkModelOf(where, index, await readIndexFacts(index), id);
  const facts = {
    format: FORMAT,
    version: 1,
    ...(model !== undefined && { model: relative(from, resolve(model)) }),
    ...(id !== undefined && { modelId: id }),
    pictures: relative(from, resolve(pictures)),
  };
  await writeFileAtomically(join(index, FILE), [new TextEncoder().encode(`${JSON.stringify(facts, null, 2)}\n`)]);
}

/** @throws ConfigError if an index was made with other weights; of what is not known nothing is said */
export function checkModelOf(where: string, index: string, made: IndexFacts | undefined, id: string | undefined): void {
  if (made?.modelId === undefined || id === undefined || made.modelId === id) return;
  throw new ConfigError({
    where: `${where}: ${index}`,
    expected: `the model that the index was made with${made.model === undefined ? '' : `, ${made.model} as it was then`}`,
    got: 'other weights, whose vectors cannot be compared with those of the index',
    remedy: 'index the pictures with this model into another folder, or remove this one first',
  });
}

/**
 * Reads what {@link writeIndexFacts} wrote.
 *
 * @returns undefined for an index that was made otherwise
 * @throws StoreError if the file cannot be understood
 */
export async function readIndexFacts(index: string): Promise<IndexFacts | undefined> {
  checkPath('serve.readIndexFacts', index);
  const where = join(index, FILE);
  let text: string;
  try {
    text = await readFile(where, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const { format, version, model, modelId: id, pictures } = JSON.parse(text) as Record<string, unknown>;
    if (format !== FORMAT || version !== 1 || typeof pictures !== 'string')
      throw new Error(`format ${format}, version ${version}`);
    const facts = { pictures: resolve(index, pictures), ...(typeof id === 'string' && { modelId: id }) };
    return typeof model === 'string' ? { ...facts, model: resolve(index, model) } : facts;
  } catch (cause) {
    const remedy = 'index the pictures again';
    throw new StoreError(
      { where, expected: `${FORMAT} of version 1`, got: (cause as Error).message, remedy },
      { cause },
    );
  }
}
