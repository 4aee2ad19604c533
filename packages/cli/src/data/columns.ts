import { closeSync, openSync, readSync } from 'node:fs';
import type { Fields } from '@diptych/data';

/** Names of columns that people and tools give, best first, written small and without spaces, `_` and `-`. */
const COLUMNS = {
  image: [
    'image',
    'filename',
    'file',
    'filepath',
    'path',
    'imagepath',
    'imagename',
    'imagefile',
    'imagefilename',
    'imgpath',
    'imgname',
    'imgfile',
    'img',
    'picture',
    'photo',
    'imageid',
  ],
  text: [
    'text',
    'caption',
    'captions',
    'description',
    'title',
    'sentence',
    'sentences',
    'comment',
    'prompt',
    'raw',
    'alttext',
  ],
} as const;

/** Words of which one alone in a name says what a column is, where no column has a usual name. */
const WORDS = {
  image: ['image', 'img', 'picture', 'photo', 'filename', 'filepath'],
  text: ['caption', 'text', 'description'],
} as const;

/** What ends the name of a picture, as `@diptych/data` knows them. */
const PICTURE = /\.(jpe?g|png|webp|avif|gif|tiff?|bmp)$/i;

/** Which columns of a table, or keys of its rows, hold what. */
export interface TableColumns {
  readonly fields: Partial<Fields>;
  /** Of a table without a line of names. */
  readonly columns?: readonly string[];
}

/**
 * The columns of pictures and captions: by the names in the first line, else by what the rows hold (a column of file names, and the one
 * other beside it).
 */
export function columnsOf(path: string): TableColumns {
  const [first = '', second = ''] = firstLines(path);
  const keys = keysOf(first);
  if (keys) return { fields: byName(keys) };
  const delimiter = ['\t', '|', ';', ','].find((one) => first.includes(one)) ?? ',';
  const names = cellsOf(first, delimiter);
  const fields = byName(names);
  if (names.length === 2) {
    const headless = pictureCell(names);
    if (headless !== undefined) return { fields: {}, columns: headless === 0 ? ['image', 'text'] : ['text', 'image'] };
    const image = fields.image ?? names[pictureCell(cellsOf(second, delimiter)) ?? -1];
    if (image !== undefined && names.includes(image)) {
      return { fields: { image, text: fields.text ?? names[1 - names.indexOf(image)]! } };
    }
  }
  return { fields };
}

/** True for the first line of a table of pictures, whatever its file is called. */
export function looksLikeTable(path: string): boolean {
  const { fields, columns } = columnsOf(path);
  return columns !== undefined || (fields.image !== undefined && fields.text !== undefined);
}

function byName(names: readonly string[]): Partial<Fields> {
  const found = (['image', 'text'] as const).flatMap((side) => {
    const usual = COLUMNS[side].map((known) => names.find((own) => plain(own) === known)).find(Boolean);
    const alike = names.filter((own) => wordsOf(own).some((word) => (WORDS[side] as readonly string[]).includes(word)));
    const name = usual ?? (alike.length === 1 ? alike[0] : undefined);
    return name === undefined ? [] : [[side, name] as const];
  });
  return Object.fromEntries(found);
}

const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, '');
const wordsOf = (name: string): string[] => name.toLowerCase().split(/[^\p{L}]+/u);

/** Where the first or the last cell is a picture's name; captions between may hold delimiters. */
function pictureCell(cells: readonly string[]): 0 | 1 | undefined {
  if (PICTURE.test(cells[0] ?? '')) return 0;
  return PICTURE.test(cells.at(-1) ?? '') ? 1 : undefined;
}

function cellsOf(line: string, delimiter: string): string[] {
  return line.split(delimiter).map((cell) => cell.trim().replace(/^(["'])(.*)\1$/, '$2'));
}

/** Keys of a JSON object. */
function keysOf(line: string): string[] | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? Object.keys(row) : undefined;
  } catch {
    return undefined;
  }
}

/** The first two lines, without the line by which Excel is told the delimiter. */
function firstLines(path: string): string[] {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(64 * 1024);
    const read = bytes.subarray(0, readSync(file, bytes));
    const text = read[0] === 0xff && read[1] === 0xfe ? read.toString('utf16le') : read.toString('utf8');
    const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
    return lines.slice(/^"?sep=.?"?$/i.test(lines[0]!) ? 1 : 0).slice(0, 2);
  } finally {
    closeSync(file);
  }
}
