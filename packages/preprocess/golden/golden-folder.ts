import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The fixtures that the tests run on: DIPTYCH_GOLDEN where it is set, else the repository's. */
export const goldenFolder = resolve(
  process.env.DIPTYCH_GOLDEN ?? fileURLToPath(new URL('../../../golden', import.meta.url)),
);

/** The repository's own copy, for files that other sets of fixtures do not repeat. */
export const repositoryGolden = fileURLToPath(new URL('../../../golden', import.meta.url));

/** Reads a family's JSON file; a missing family fails the test that imports it. */
export function readFamily<T>(family: string, file: string): T {
  const path = join(goldenFolder, family, file);
  if (!existsSync(path)) throw new Error(`${path} is missing: the fixtures of family ${family} must be there`);
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
