import { readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type PairInput, type PairSource, pairs } from '@diptych/data';

/** Larger files are lists of rows, which need not be held. */
const MOST_BYTES = 256 * 2 ** 20;

/**
 * Captions in one JSON file that is no list of rows: COCO's (`images` and `annotations`), a caption or several by file name
 * (`{ "cat.jpg": "a cat" }`), or a list of rows under a name of its own (`{ "data": [{ "image", "text" }] }`).
 *
 * @param root where the pictures lie; default: the file's folder
 * @returns undefined for a file that is none of these
 */
export function jsonCaptions(path: string, root = dirname(path)): PairSource | undefined {
  if (statSync(path).size > MOST_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch {
    return undefined; // rows, one a line; or broken, which their reader says with the line
  }
  if (!isObject(value)) return undefined;
  const items = cocoOf(value) ?? byName(value) ?? listOf(value);
  return items && pairs(items, { name: basename(path), root });
}

type Item = PairInput;

function cocoOf({ images, annotations }: Readonly<Record<string, unknown>>): Item[] | undefined {
  if (!isList(images) || !isList(annotations)) return undefined;
  const captions = new Map<unknown, string[]>();
  for (const { image_id: id, caption } of annotations) {
    if (typeof caption !== 'string') continue;
    const own = captions.get(id);
    if (own) own.push(caption);
    else captions.set(id, [caption]);
  }
  return images.flatMap(({ id, file_name: name }) => {
    const text = captions.get(id);
    return typeof name === 'string' && text ? [{ image: name, text }] : [];
  });
}

/** File names with their captions. */
function byName(value: Readonly<Record<string, unknown>>): Item[] | undefined {
  const entries = Object.entries(value);
  const isCaption = (text: unknown) =>
    typeof text === 'string' || (Array.isArray(text) && text.every((one) => typeof one === 'string'));
  if (!entries.every(([name, text]) => /\.\w{3,4}$/.test(name) && isCaption(text))) return undefined;
  return entries.map(([image, text]) => ({ image, text: text as string | string[] }));
}

/** The one list of objects in it, with usual names of keys. */
function listOf(value: Readonly<Record<string, unknown>>): Item[] | undefined {
  const lists = Object.values(value).filter(isList);
  const [rows] = lists;
  if (lists.length !== 1 || !rows) return undefined;
  return rows.map((row) => ({
    image: (row.image ?? row.file_name ?? row.filename ?? row.path) as string,
    text: (row.text ?? row.caption ?? row.captions ?? row.description) as string,
  }));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}
