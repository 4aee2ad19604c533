// Every command line of the READMEs and docs names a command of `diptych` and flags that it has.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { app } from '../packages/cli/src/app.js';
import { proposals } from '../packages/cli/src/completion/proposals.js';
import { pages } from '../tooling/docs/blocks.mjs';

const root = resolve(import.meta.dirname, '..');

/** Words of each `diptych …` in the shell blocks of a page, by place. */
function commandLines(page: string): { readonly where: string; readonly words: readonly string[] }[] {
  const lines = readFileSync(join(root, page), 'utf8').split('\n');
  let shell = false;
  return lines.flatMap((line, i) => {
    if (line.startsWith('```')) shell = line === '```sh';
    const [, rest] = /^(?:[A-Z_]+=\S+ )*(?:npx )?diptych (.*)$/.exec(line.replace(/\s+#.*$/, '')) ?? [];
    if (!shell || rest === undefined) return [];
    const [command = ''] = rest.split(/ [|>&]/);
    const words = command.match(/"[^"]*"|\S+/g) ?? [];
    return [{ where: `${page}:${i + 1}: diptych ${command}`, words }];
  });
}

/** What completion proposes after these words, without its descriptions. */
async function proposed(words: readonly string[]): Promise<string[]> {
  return (await proposals(app, words)).map((line) => line.split('\t')[0]!);
}

const found = pages().flatMap(commandLines);

it('are there to be looked at', () => {
  expect(found.length).toBeGreaterThan(40);
});

describe('command lines of the docs', () => {
  it.each(found)('$where', async ({ words }) => {
    const [command = '', ...rest] = words;
    expect(await proposed([''])).toContain(command);
    const within = command === 'export' ? [command, rest[0]!] : [command];
    const flags = await proposed([...within, '--']);
    const used = rest.filter((word) => word.startsWith('--') && word !== '--help').map((word) => word.split('=')[0]!);
    expect(used.filter((flag) => !flags.includes(flag))).toEqual([]);
  });
});
