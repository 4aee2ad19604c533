import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { SplitKind } from '../data/split.js';

/** What a new configuration says. */
export interface InitAnswers extends Partial<Record<'image' | 'text' | 'model', string>> {
  readonly data: string;
  readonly split: SplitKind;
  readonly runs: string;
}

/**
 * A configuration as TypeScript. Its type alone is imported: it can be read also where `@diptych/cli` is not installed beside it.
 *
 * @param folder that it will lie in, from which its paths count
 */
export function configText({ data, split, runs, ...towers }: InitAnswers, folder: string): string {
  const path = (given: string) => fromFolder(given, folder);
  const tower = (name: string) => (existsSync(name) || /^[./~]/.test(name) ? path(name) : name);
  const { image, text, model } = towers;
  const lines = [
    `data: ${quoted(path(data))},`,
    ...Object.entries({ image, text, model }).flatMap(([key, name]) =>
      name === undefined ? [] : [`${key}: ${quoted(tower(name))},`],
    ),
    `split: ${quoted(split)}, // ${split === 'base' ? 'captions of one picture stay on one side' : 'each pair by itself'}`,
    `runs: ${quoted(path(runs))},`,
  ];
  return `import type { DiptychConfig } from '@diptych/cli';

// Flags of the command line go before this; paths count from this folder. Keys: diptych's docs/cli.md.
export default {
${lines.map((line) => `  ${line}\n`).join('')}} satisfies DiptychConfig;
`;
}

/** Relative where it lies below, so that the folder can be moved. */
function fromFolder(path: string, folder: string): string {
  const way = relative(folder, resolve(path));
  if (way === '' || way.startsWith('..') || isAbsolute(way)) return resolve(path);
  return `./${way.split(sep).join('/')}`;
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
