import { basename, extname } from 'node:path';
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
