import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TrainingError } from '@diptych/core';
import { csv, type Fields, folder, jsonl, type PairSource, parquet } from '@diptych/data';
import { ownWords } from './own-words.js';

/** Which text beside a picture is its caption: every line (`lines`), the first one, or all of it as one. */
export const CAPTIONS = ['lines', 'first', 'whole'] as const;
export type Captions = (typeof CAPTIONS)[number];

/**
 * What a person calls their data: a table of pairs, or a folder of pictures. A folder's captions are in the one table in it, else
 * beside each picture (`cat.txt`), in its metadata, or in its file's name.
 *
 * @param where the path was given, for messages
 * @throws TrainingError if there is nothing of that name, or nothing that is known
 */
export function openData(path: string, where: string, captions: Captions = 'lines'): PairSource {
  if (!existsSync(path)) {
    throw new TrainingError({ where, expected: 'a table of pairs, or a folder of pictures', got: `no file ${path}` });
  }
  if (!statSync(path).isDirectory()) return tableAt(path);
  const table = tableIn(path, where);
  return table === undefined ? folder(path, { captions, withoutCaption: ownWords }) : tableAt(join(path, table));
}

/** All pictures of a folder; one that has no caption and says nothing of itself goes by its file's name. */
export function namedPictures(path: string, captions: Captions = 'lines'): PairSource {
  return folder(path, { captions, withoutCaption: async (picture) => (await ownWords(picture)) ?? basename(picture) });
}

const SEPARATED = /\.(csv|tsv|tab)(\.(gz|zst))?$/i;
const PARQUET = /\.parquet$/i;

function tableAt(path: string): PairSource {
  if (PARQUET.test(path)) return parquet(path);
  if (SEPARATED.test(path)) return csv(path, { fields: fieldsOf(path) });
  // also files of another name
  return jsonl(path, { fields: fieldsOf(path) });
}

/** Names under which a folder keeps its table, best first; `metadata` is the hub's. */
const TABLES = ['metadata', 'captions', 'pairs', 'labels', 'index'];

/** The table in a folder: one of a usual name, else the only one. */
function tableIn(path: string, where: string): string | undefined {
  const tables = readdirSync(path).filter((name) => !name.startsWith('.') && /\.(jsonl|ndjson|csv|tsv)$/i.test(name));
  const usual = TABLES.flatMap((stem) => tables.filter((name) => name.toLowerCase().startsWith(`${stem}.`)))[0];
  if (usual !== undefined || tables.length <= 1) return usual ?? tables[0];
  throw new TrainingError({
    where,
    expected: `one table of captions in ${path}`,
    got: tables.join(', '),
    remedy: 'name the one: --data folder/table.csv',
  });
}

/** Names of columns that people and tools give, best first. */
const COLUMNS = {
  image: ['image', 'file_name', 'filename', 'file', 'filepath', 'path', 'image_path', 'img', 'picture'],
  text: ['text', 'caption', 'captions', 'description', 'title', 'sentence', 'prompt'],
} as const;

/** The columns of pictures and captions, by the names in the first line, in its own writing of them. */
function fieldsOf(path: string): Partial<Fields> {
  const names = namesIn(firstLine(path));
  const found = Object.entries(COLUMNS).flatMap(([side, known]) => {
    const name = known.map((candidate) => names.find((own) => own.toLowerCase() === candidate)).find(Boolean);
    return name === undefined || name === side ? [] : [[side, name] as const];
  });
  return Object.fromEntries(found);
}

/** Keys of a JSON object, or columns of a table. */
function namesIn(line: string): string[] {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row === 'object' && row !== null) return Object.keys(row);
  } catch {
    // no JSON
  }
  return line.split(/[,;\t|]/).map((name) => name.trim().replace(/^(["'])(.*)\1$/, '$2'));
}

function firstLine(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(64 * 1024);
    const text = bytes.toString('utf8', 0, readSync(file, bytes));
    return text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/, 1)[0]!;
  } finally {
    closeSync(file);
  }
}
