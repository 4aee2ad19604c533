import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { describedInMetadata } from './picture-metadata.js';

/**
 * What a picture without a caption says of itself: the description in its metadata, else its file's name, where that has words.
 *
 * @returns undefined where neither says anything
 */
export async function ownWords(path: string): Promise<string | undefined> {
  return (await describedInMetadata(path)) ?? wordsOfName(path);
}

/** Words of names that cameras, phones and programs give; a name of nothing else says nothing. */
const GIVEN = new Set(
  'img image imag dsc dscn dscf cimg pic pict pxl mvimg vid gopr dji sam photo picture scan screenshot screen shot bildschirmfoto at whatsapp signal telegram unnamed untitled download file frame tile page pano burst copy edited final new'.split(
    ' ',
  ),
);

/**
 * The words of a file's name: `two_cats-on-a-sofa-03.jpg` is "two cats on a sofa". Names that are numbers, hashes or a camera's have
 * none.
 */
export function wordsOfName(path: string): string | undefined {
  const name = basename(path, extname(path)).normalize('NFC');
  if (/^[0-9a-f]{8,}$/i.test(name.replaceAll('-', ''))) return undefined;
  // numbers, times and what holds digits are no words
  const words = name.split(/[\s_.,+()[\]-]+/u).filter((word) => /^[\p{L}\p{M}'’&]+$/u.test(word));
  if (words.every((word) => GIVEN.has(word.toLowerCase()))) return undefined;
  // redPanda
  const text = words.join(' ').replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2');
  return /\p{L}{2}|\p{Script=Han}/u.test(text) ? text : undefined;
}

/** Folders that are called by what they are for. */
const PLACES =
  /^(images?|imgs?|pictures?|pics?|photos?|data(set)?|files?|train(ing)?|test(ing)?|val(id(ation)?)?|all|raw|input|output|jpe?gs?|pngs?)$/i;

/**
 * The words of the folder that a picture lies in, below the folder of all: how pictures are sorted into classes (`dogs/0001.jpg`).
 *
 * @returns undefined for pictures of the folder itself, and for names that say nothing
 */
export function wordsOfFolder(path: string, all: string): string | undefined {
  const folder = dirname(resolve(path));
  if (folder === resolve(all)) return undefined;
  const name = basename(folder);
  return PLACES.test(name.replace(/\d+/g, '')) ? undefined : wordsOfName(name);
}

/** The text in `cat.caption`, as trainers of diffusion models keep it. */
export async function captionBeside(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path.slice(0, -extname(path).length).concat('.caption'), 'utf8');
    return text.trim() === '' ? undefined : text.trim();
  } catch {
    return undefined;
  }
}
