import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataError, plainRead } from '@diptych/data';
import { describe, expect, it } from 'vitest';
import { type Captions, openData } from './open-data.js';

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'open-data-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

async function read(path: string, captions?: Captions) {
  const errors: DataError[] = [];
  const pairs: [string, string | readonly string[]][] = [];
  for await (const { image, text } of openData(path, '--data', { captions }).read(
    plainRead((error) => errors.push(error)),
  )) {
    if (image.kind === 'file') pairs.push([image.path.split('/').at(-1)!, text]);
  }
  return { pairs, reasons: errors.map(({ reason }) => reason) };
}

describe('a folder of pictures', () => {
  it('has captions beside them, else the words of their names', async () => {
    const folder = folderOf({
      'a.jpg': '',
      'a.txt': 'a cat\na cat asleep\n',
      'sub/red_house.jpg': '',
      'IMG_0001.jpg': '',
    });
    expect(await read(folder)).toEqual({
      pairs: [
        ['a.jpg', ['a cat', 'a cat asleep']],
        ['red_house.jpg', 'red house'],
      ],
      reasons: ['missing-caption'],
    });
    expect((await read(folder, 'first')).pairs[0]).toEqual(['a.jpg', 'a cat']);
    expect((await read(folder, 'whole')).pairs[0]).toEqual(['a.jpg', 'a cat\na cat asleep']);
  });

  it.each([
    ['captions.csv', 'file,caption\na.jpg,a cat\n'],
    ['anything.csv', 'filename;description\na.jpg;a cat\n'],
    ['metadata.jsonl', '{"file_name": "a.jpg", "text": "a cat"}\n'],
    ['pairs.tsv', 'Image\tText\na.jpg\ta cat\n'],
  ])('has them in %s', async (name, content) => {
    const folder = folderOf({ 'a.jpg': '', [name]: content });
    expect((await read(folder)).pairs).toEqual([['a.jpg', 'a cat']]);
    expect((await read(join(folder, name))).pairs).toEqual([['a.jpg', 'a cat']]);
  });

  it('asks which of several tables', () => {
    const folder = folderOf({ 'one.csv': 'image,text\n', 'two.csv': 'image,text\n' });
    expect(() => openData(folder, '--data')).toThrow(
      /--data: expected one table of captions in .*, got one\.csv, two\.csv/,
    );
  });
});

it('says what is missing', () => {
  expect(() => openData('none', '--data')).toThrow(
    '--data: expected a table of pairs, or a folder of pictures, got no file none',
  );
});

it('keeps captions that hold names of columns', async () => {
  const folder = folderOf({ 'p.jsonl': '{"file": "a.jpg", "caption": "the image text, title, path"}\n', 'a.jpg': '' });
  expect((await read(join(folder, 'p.jsonl'))).pairs).toEqual([['a.jpg', 'the image text, title, path']]);
});
