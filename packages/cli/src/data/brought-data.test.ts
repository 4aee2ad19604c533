import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type DataError, plainRead } from '@diptych/data';
import { afterAll, describe, expect, it } from 'vitest';
import { columnPair, type DataLayout, openData } from './open-data.js';

// Captioned pictures as people have them: layouts of published data sets and of tools, and what public reports say went wrong with them.

const root = mkdtempSync(join(tmpdir(), 'brought-data-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
type Files = Readonly<Record<string, string | Uint8Array>>;

function folderOf(files: Files): string {
  const folder = join(root, String(count++));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** What is read of a folder, or of a file in it: paths from the folder, captions, reasons and messages of what was not. */
async function read(files: Files, path = '.', layout: DataLayout = {}) {
  const folder = folderOf(files);
  const errors: DataError[] = [];
  const pairs: [string, string | readonly string[]][] = [];
  const pictures = layout.pictures && join(folder, layout.pictures);
  const source = openData(join(folder, path), '--data', { ...layout, ...(pictures && { pictures }) });
  for await (const { image, text } of source.read(plainRead((error) => errors.push(error)))) {
    pairs.push([image.kind === 'file' ? relative(folder, image.path) : image.kind, text]);
  }
  return { pairs, reasons: errors.map(({ reason }) => reason), messages: errors.map(({ message }) => message) };
}

const AB = { 'a.jpg': 'x', 'b.jpg': 'x' };
const CAPTIONED: [string, string][] = [
  ['a.jpg', 'a cat'],
  ['b.jpg', 'a dog'],
];
const inFolder = (folder: string) => CAPTIONED.map(([name, text]) => [`${folder}/${name}`, text]);
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');

describe('a table is read', () => {
  it.each<[string, Files]>([
    [
      'with the names of Flickr30k and its spaces',
      { 'results.csv': 'image_name| comment_number| comment\na.jpg| 0| a cat\nb.jpg| 1| a dog\n' },
    ],
    ['with names in capitals', { 'p.csv': 'IMAGE,CAPTION\na.jpg,a cat\nb.jpg,a dog\n' }],
    ['with spaces in names', { 'p.csv': ' Image , Caption Text \na.jpg,a cat\nb.jpg,a dog\n' }],
    ['with other names of one word', { 'p.csv': 'img_file,label_text\na.jpg,a cat\nb.jpg,a dog\n' }],
    ['with names in German, by what stands below', { 'p.csv': 'Bild;Beschreibung\na.jpg;a cat\nb.jpg;a dog\n' }],
    ['with the caption before the picture', { 'p.csv': 'Worte,Datei\na cat,a.jpg\na dog,b.jpg\n' }],
    ['without names of columns (datasets#7369)', { 'p.csv': 'a.jpg,a cat\nb.jpg,a dog\n' }],
    ["with Excel's line of the delimiter", { 'p.csv': 'sep=;\nimage;text\na.jpg;a cat\nb.jpg;a dog\n' }],
    ['with an index that pandas wrote', { 'p.csv': ',image,text\n0,a.jpg,a cat\n1,b.jpg,a dog\n' }],
    ['in UTF-16', { 'p.csv': utf16('Bild\tText\na.jpg\ta cat\nb.jpg\ta dog\n') }],
    ['of ids without endings', { 'p.csv': 'image_id,caption\na,a cat\nb,a dog\n' }],
    ['whose paths have other capitals than the files', { 'p.csv': 'image,text\nA.JPG,a cat\nB.jpg,a dog\n' }],
    ['called captions.txt, as of Flickr8k', { 'captions.txt': 'image,caption\na.jpg,a cat\nb.jpg,a dog\n' }],
    ['of file names and captions in one JSON object', { 'captions.json': '{"a.jpg": "a cat", "b.jpg": "a dog"}' }],
    [
      'of JSON rows under a name',
      { 'captions.json': '{"data": [{"image": "a.jpg", "text": "a cat"}, {"image": "b.jpg", "caption": "a dog"}]}' },
    ],
    [
      'of a JSON list',
      { 'captions.json': '[{"image": "a.jpg", "text": "a cat"}, {"image": "b.jpg", "text": "a dog"}]' },
    ],
  ])('%s', async (_, table) => {
    const [name] = Object.keys(table);
    // the folder, and the table by its name
    for (const path of ['.', name!])
      expect(await read({ ...AB, ...table }, path)).toMatchObject({ pairs: CAPTIONED, reasons: [] });
  });

  it.each<[string, string]>([
    ['Images', 'captions.txt'],
    ['data/train', 'pairs.csv'],
  ])('whose pictures lie below, in %s (datasets#7337)', async (folder, name) => {
    const files = {
      [`${folder}/a.jpg`]: 'x',
      [`${folder}/b.jpg`]: 'x',
      [name]: 'image,caption\na.jpg,a cat\nb.jpg,a dog\n',
    };
    expect(await read(files)).toMatchObject({ pairs: inFolder(folder), reasons: [] });
  });

  it('of COCO, whose pictures lie beside its folder', async () => {
    const annotations = {
      images: [
        { id: 7, file_name: 'a.jpg' },
        { id: 9, file_name: 'b.jpg' },
      ],
      annotations: [
        { image_id: 7, caption: 'a cat' },
        { image_id: 9, caption: 'a dog' },
        { image_id: 7, caption: 'a cat asleep' },
      ],
    };
    const files = {
      'train2017/a.jpg': 'x',
      'train2017/b.jpg': 'x',
      'annotations/captions_train2017.json': JSON.stringify(annotations),
    };
    expect((await read(files, 'annotations/captions_train2017.json')).pairs).toEqual([
      ['train2017/a.jpg', ['a cat', 'a cat asleep']],
      ['train2017/b.jpg', 'a dog'],
    ]);
  });

  it('of lists of captions, as the hub has Flickr30k in CSV', async () => {
    const table = `raw,filename\n"[""a cat"", ""a cat asleep""]",a.jpg\n"['a dog', ""a dog's ball""]",b.jpg\n`;
    expect((await read({ ...AB, 'p.csv': table })).pairs).toEqual([
      ['a.jpg', ['a cat', 'a cat asleep']],
      ['b.jpg', ['a dog', "a dog's ball"]],
    ]);
  });

  it('by the columns that are named, and from the folder that is named', async () => {
    const table = 'x,y,z\nq,a cat,a.jpg\nq,a dog,b.jpg\n';
    expect((await read({ ...AB, 'p.csv': table }, '.', { columns: columnPair('z, y') })).pairs).toEqual(CAPTIONED);
    const files = {
      'far/off/a.jpg': 'x',
      'far/off/b.jpg': 'x',
      'p.csv': 'image,text\noff/a.jpg,a cat\noff/b.jpg,a dog\n',
    };
    expect((await read(files, '.', { pictures: 'far' })).pairs).toEqual(inFolder('far/off'));
    expect(() => columnPair('z')).toThrow(/two columns, --columns picture,caption/);
  });
});

describe('a folder is read', () => {
  it('with a table in each of its splits, as the hub has them (datasets#6442)', async () => {
    const files: Record<string, string> = {};
    for (const split of ['test', 'train']) {
      files[`${split}/a.jpg`] = 'x';
      files[`${split}/metadata.jsonl`] = `{"file_name": "a.jpg", "text": "a cat of ${split}"}\n`;
    }
    expect((await read(files)).pairs).toEqual([
      ['test/a.jpg', 'a cat of test'],
      ['train/a.jpg', 'a cat of train'],
    ]);
  });

  it('of classes, by the names of their folders', async () => {
    const files = { 'red fox/0001.jpg': 'x', '10_arctic_hare/0001.jpg': 'x', 'train/0001.jpg': 'x', '0002.jpg': 'x' };
    expect(await read(files)).toMatchObject({
      pairs: [
        ['10_arctic_hare/0001.jpg', 'arctic hare'],
        ['red fox/0001.jpg', 'red fox'],
      ],
      reasons: ['missing-caption', 'missing-caption'],
    });
  });

  it('with .caption files, as trainers of diffusion models keep them', async () => {
    expect((await read({ 'a.jpg': 'x', 'a.caption': 'a cat\n' })).pairs).toEqual([['a.jpg', 'a cat']]);
  });

  it('with a caption that has a comma and is called captions.txt', async () => {
    const files = { 'captions.jpg': 'x', 'captions.txt': 'image of a caption, text and all\n' };
    expect((await read(files)).pairs).toEqual([['captions.jpg', 'image of a caption, text and all']]);
  });
});

describe('what cannot be read says what to do:', () => {
  it.each<[string, Files, RegExp]>([
    [
      'columns that nobody knows',
      { 'p.csv': 'a,b,c\n1,2,3\n' },
      /the keys "a", "b", "c"; name the columns: --columns picture,caption/,
    ],
    [
      'several columns of captions',
      { 'p.csv': 'image,caption_0,caption_1\na.jpg,x,y\n' },
      /"caption_0", "caption_1"; name the columns/,
    ],
    [
      'paths of another machine',
      { 'p.csv': 'image,text\n/content/drive/a.jpg,x\n' },
      /\/content\/drive\/a\.jpg; name the folder that holds all pictures: --pictures/,
    ],
    ['letters of Windows', { 'p.csv': Buffer.from('image,text\na.jpg,caf\xe9\n', 'latin1') }, /iconv -f WINDOWS-1252/],
    [
      'conversations of LLaVA',
      { 'data.jsonl': '{"image": "a.jpg", "conversations": []}\n' },
      /the keys "image", "conversations"; name the columns/,
    ],
  ])('%s', async (_, files, message) => {
    const { pairs, messages } = await read({ ...AB, ...files });
    expect(pairs).toEqual([]);
    expect(messages[0]).toMatch(message);
  });

  it.each([
    ['a.zip', /got .*a\.zip; unpack it/],
    ['a.xlsx', /got .*a\.xlsx; save the sheet as CSV \(UTF-8\)/],
    ['a.yaml', /got .*a\.yaml; write the pairs into a \.csv or \.jsonl/],
  ])('%s', (name, message) => {
    expect(() => openData(join(folderOf({ [name]: 'x' }), name), '--data')).toThrow(message);
  });

  it('a folder of pictures that is not there', () => {
    const folder = folderOf({ 'p.csv': 'image,text\n' });
    expect(() => openData(folder, '--data', { pictures: join(folder, 'none') })).toThrow(
      /--pictures: expected a folder, got no folder/,
    );
  });
});
