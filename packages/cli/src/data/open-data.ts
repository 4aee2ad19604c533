import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError, TrainingError } from '@diptych/core';
import { csv, type Fields, folder, jsonl, type PairSource, parquet, webdataset } from '@diptych/data';
import { columnsOf, looksLikeTable } from './columns.js';
import { findPictures } from './find-pictures.js';
import { jsonCaptions } from './json-captions.js';
import { captionBeside, ownWords, wordsOfFolder } from './own-words.js';

/** Which text beside a picture is its caption: every line (`lines`), the first one, or all of it as one. */
export const CAPTIONS = ['lines', 'first', 'whole'] as const;
export type Captions = (typeof CAPTIONS)[number];

/** What the file names alone do not say of a person's data. */
export interface DataLayout {
  /** Default `lines`. */
  readonly captions?: Captions;
  /** Columns of a table, or keys of its rows; default: what their names and contents say. */
  readonly columns?: { readonly image: string; readonly text: string };
  /** Folder that a table's paths start from, and that they may not leave; default: the table's, or one near it that holds them. */
  readonly pictures?: string;
}

/**
 * The two columns that `--columns picture,caption` names.
 *
 * @throws SyntaxError for anything else, which the command line says of its flag
 */
export function columnPair(text: string): { image: string; text: string } {
  const [image, caption, ...more] = text.split(',').map((name) => name.trim());
  if (image && caption && more.length === 0) return { image, text: caption };
  throw new SyntaxError('expected two columns, --columns picture,caption');
}

/**
 * What a person calls their data: a table of pairs, or a folder of pictures. A folder's captions are in the one table in it (or in
 * `metadata` tables of the folders below, as the hub splits them), else beside each picture (`cat.txt`), in its metadata, in its file's
 * name, or in its folder's.
 *
 * @param where the path was given, for messages
 * @throws TrainingError if there is nothing of that name, or nothing that is known
 */
export function openData(path: string, where: string, layout: DataLayout = {}): PairSource {
  const { captions = 'lines', pictures } = layout;
  if (pictures !== undefined && !existsSync(pictures)) {
    throw new ConfigError({ where: '--pictures', expected: 'a folder', got: `no folder ${pictures}` });
  }
  if (!existsSync(path)) {
    throw new TrainingError({ where, expected: 'a table of pairs, or a folder of pictures', got: `no file ${path}` });
  }
  if (!statSync(path).isDirectory()) return tableAt([path], where, layout);
  const tables = tablesIn(path, where);
  if (tables.length > 0) return tableAt(tables, where, layout);
  return folder(path, {
    captions,
    withoutCaption: async (picture) =>
      (await captionBeside(picture)) ?? (await ownWords(picture)) ?? wordsOfFolder(picture, path),
  });
}

/** All pictures of a folder; one that has no caption and says nothing of itself goes by its file's name. */
export function namedPictures(path: string, captions: Captions = 'lines'): PairSource {
  return folder(path, { captions, withoutCaption: async (picture) => (await ownWords(picture)) ?? basename(picture) });
}

/** What is no table and no picture, though it holds some. */
const FOREIGN: readonly (readonly [name: RegExp, remedy: string])[] = [
  [/\.(zip|7z|rar)$/i, 'unpack it, and name the folder'],
  [/\.(xlsx?|ods|numbers)$/i, 'save the sheet as CSV (UTF-8), and name that'],
  [
    /\.(ya?ml|toml|xml|html?|docx?|pdf|db|sqlite3?)$/i,
    'write the pairs into a .csv or .jsonl with the columns image and text',
  ],
];

const SEPARATED = /\.(csv|tsv|tab)(\.(gz|zst|bz2|xz))?$/i;
const PACKED = /\.(gz|zst|bz2|xz)$/i;
const PARQUET = /\.parquet$/i;
const TAR = /\.(tar(\.(gz|zst|bz2|xz))?|tgz)$/i;

/** Tables of one kind, whose columns the first one tells. */
function tableAt(paths: readonly string[], where: string, { columns: named, pictures }: DataLayout): PairSource {
  const path = paths[0]!;
  const [, remedy] = FOREIGN.find(([name]) => name.test(path)) ?? [];
  if (remedy !== undefined) {
    throw new TrainingError({
      where,
      expected: 'a table of pairs (.csv, .tsv, .jsonl, .json, .parquet, .tar), or a folder of pictures',
      got: path,
      remedy,
    });
  }
  if (TAR.test(path)) return webdataset([...paths]);
  const find = (open: (root?: string) => PairSource) => (pictures ? open(resolve(pictures)) : findPictures(path, open));
  const given: Partial<Fields> | undefined = named;
  if (PARQUET.test(path)) return find((root) => parquet([...paths], { fields: given, root }));
  // what is packed says nothing before it is unpacked
  const { fields, columns } = PACKED.test(path) ? { fields: {} } : columnsOf(path);
  const isText = SEPARATED.test(path) || (/\.txt$/i.test(path) && looksLikeTable(path));
  if (isText) {
    const rows = { fields: given ?? fields, ...(columns && !given && { columns }) };
    return find((root) => csv([...paths], { ...rows, root }));
  }
  if (paths.length === 1 && jsonCaptions(path)) return find((root) => jsonCaptions(path, root)!);
  return find((root) => jsonl([...paths], { fields: given ?? fields, root }));
}

/** Names under which a folder keeps its table, best first; `metadata` is the hub's. */
const TABLES = ['metadata', 'captions', 'pairs', 'labels', 'index'];

/** The tables of a folder: the one of a usual name, else the only one; else its tars, or the hub's tables in the folders below. */
function tablesIn(path: string, where: string): string[] {
  const names = readdirSync(path).filter((name) => !name.startsWith('.'));
  const tables = names.filter((name) => isTable(path, name));
  const usual = TABLES.flatMap((stem) => tables.filter((name) => name.toLowerCase().startsWith(`${stem}.`)))[0];
  if (usual !== undefined) return [join(path, usual)];
  if (tables.length > 1) {
    throw new TrainingError({
      where,
      expected: `one table of captions in ${path}`,
      got: tables.join(', '),
      remedy: 'name the one: --data folder/table.csv',
    });
  }
  if (tables.length === 1) return [join(path, tables[0]!)];
  const tars = names.filter((name) => TAR.test(name));
  return tars.length > 0 ? tars.map((name) => join(path, name)).sort() : splitTables(path, names);
}

/** `train/metadata.csv`, `test/metadata.csv`: all of one kind, which are one table here. */
function splitTables(path: string, names: readonly string[]): string[] {
  for (const table of ['metadata.jsonl', 'metadata.csv']) {
    const found = names.map((name) => join(path, name, table)).filter((file) => existsSync(file));
    if (found.length > 0) return found.sort();
  }
  return [];
}

function isTable(folder: string, name: string): boolean {
  if (/\.(jsonl|ndjson|csv|tsv|parquet)$/i.test(name)) return true;
  const path = join(folder, name);
  // a .json may be a picture's own, a .txt its caption
  if (/\.json$/i.test(name)) return TABLES.some((stem) => name.toLowerCase() === `${stem}.json`) && isNoPictures(path);
  return /\.txt$/i.test(name) && isNoPictures(path) && looksLikeTable(path);
}

/** False for `cat.txt` beside `cat.jpg`. */
function isNoPictures(path: string): boolean {
  const stem = basename(path).replace(/\.\w+$/, '');
  return !readdirSync(dirname(path)).some(
    (name) => name !== basename(path) && name.replace(/\.\w+$/, '') === stem && /\.(jpe?g|png|webp)$/i.test(name),
  );
}
