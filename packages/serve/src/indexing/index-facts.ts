import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { checkOptions, checkPath, type OptionNames, StoreError } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';

/** What is known of an index of pictures beside its vectors. */
export interface IndexFacts {
  /** The model folder that it was made with. */
  readonly model?: string;
  /** The folder that the rows' `path` counts from. */
  readonly pictures: string;
}

const FACTS: OptionNames<IndexFacts> = { model: 'optional', pictures: 'required' };
const FILE = 'pictures.json';
const FORMAT = 'diptych-pictures';

/**
 * Writes these facts into the folder of an index. Paths are kept relative to it, so that all may move together.
 *
 * @throws ConfigError for what are no paths
 */
export async function writeIndexFacts(index: string, known: IndexFacts): Promise<void> {
  const where = 'serve.writeIndexFacts';
  checkPath(where, index);
  checkOptions(where, known, FACTS);
  const { model, pictures } = known;
  checkPath(`${where}: pictures`, pictures);
  if (model !== undefined) checkPath(`${where}: model`, model);
  const from = resolve(index);
  const facts = {
    format: FORMAT,
    version: 1,
    ...(model !== undefined && { model: relative(from, resolve(model)) }),
    pictures: relative(from, resolve(pictures)),
  };
  await writeFileAtomically(join(index, FILE), [new TextEncoder().encode(`${JSON.stringify(facts, null, 2)}\n`)]);
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
    const { format, version, model, pictures } = JSON.parse(text) as Record<string, unknown>;
    if (format !== FORMAT || version !== 1 || typeof pictures !== 'string')
      throw new Error(`format ${format}, version ${version}`);
    const facts = { pictures: resolve(index, pictures) };
    return typeof model === 'string' ? { ...facts, model: resolve(index, model) } : facts;
  } catch (cause) {
    const remedy = 'index the pictures again';
    throw new StoreError(
      { where, expected: `${FORMAT} of version 1`, got: (cause as Error).message, remedy },
      { cause },
    );
  }
}
