import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { plainRead } from '../source.js';
import { captionsOfCell } from './caption-cell.js';
import { csv } from './csv.js';

it.each<[string, string | string[]]>([
  ['a cat', 'a cat'],
  ['NaN', ''],
  [' nan ', ''],
  ['None', ''],
  ['nan bread on a plate', 'nan bread on a plate'],
  ['["a cat", "a \\"cat\\""]', ['a cat', 'a "cat"']],
  [`['a cat', "a dog's ball", 'it\\'s']`, ['a cat', "a dog's ball", "it's"]],
  ['[a sign that says stop]', '[a sign that says stop]'],
  ['[1, 2]', '[1, 2]'],
  ['[]', '[]'],
])('%s', (cell, expected) => {
  // an empty list of JSON has no caption, as a list has none
  expect(captionsOfCell(cell)).toEqual(cell === '[]' ? [] : expected);
});

const folder = mkdtempSync(join(tmpdir(), 'cells-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(content: string) {
  const path = join(folder, 'pairs.csv');
  writeFileSync(path, content);
  const [records, reasons]: [unknown[], string[]] = [[], []];
  for await (const { text, origin } of csv(path).read(plainRead(({ reason }) => reasons.push(reason))))
    records.push([text, origin.line]);
  return { records, reasons };
}

it('a table of pandas, whose missing captions are no captions', async () => {
  expect(await read('image,text\na.jpg,nan\nb.jpg,"[""x"", ""y""]"\n')).toEqual({
    records: [[['x', 'y'], 3]],
    reasons: ['empty-caption'],
  });
});

it('a table of Excel, which says its delimiter first', async () => {
  expect(await read('sep=;\nimage;text\na.jpg;one, two\n')).toEqual({ records: [['one, two', 3]], reasons: [] });
  expect(await read('"sep=|"\r\nimage|text\r\na.jpg|x\r\n')).toEqual({ records: [['x', 3]], reasons: [] });
});
