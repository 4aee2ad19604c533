import { basename, extname } from 'node:path';
import exifr from 'exifr';

/**
 * What a picture without a caption says of itself: the description in its metadata, else its file's name, where that has words.
 *
 * @returns undefined where neither says anything
 */
export async function ownWords(path: string): Promise<string | undefined> {
  return (await describedInMetadata(path)) ?? wordsOfName(path);
}

/** What cameras and programs write where a person could have written something. */
const NO_DESCRIPTION =
  /^(olympus digital camera|sony dsc|dig(ital )?cam(era)?|minolta digital camera|konica minolta.*|kodak.*camera|samsung( camera pictures)?|created with gimp|screenshot|untitled|default|charset=.*|img|image|photo|\W*)$/i;

/**
 * The description in XMP (`dc:description`), IPTC (caption) or EXIF (`ImageDescription`), then their titles; those that a camera wrote by
 * itself do not count.
 */
export async function describedInMetadata(path: string): Promise<string | undefined> {
  let found: Metadata | undefined;
  try {
    found = (await exifr.parse(path, { ...SEGMENTS, mergeOutput: false })) as Metadata | undefined;
  } catch {
    // a kind of file without such metadata, or broken metadata of a picture that may be whole
    return undefined;
  }
  const { dc, iptc, ifd0, ihdr } = found ?? {};
  const said = [dc?.description, iptc?.Caption, ifd0?.ImageDescription, ihdr?.Description, dc?.title, iptc?.ObjectName];
  for (const value of said.flatMap(textsOf)) {
    const text = value.replace(/\0+$/, '').replace(/\s+/g, ' ').trim();
    if (!NO_DESCRIPTION.test(text)) return text;
  }
  return undefined;
}

const SEGMENTS = {
  tiff: true,
  ifd0: {},
  exif: false,
  gps: false,
  interop: false,
  iptc: true,
  xmp: true,
  ihdr: true,
} as const;

interface Metadata {
  readonly dc?: { readonly description?: unknown; readonly title?: unknown };
  readonly iptc?: { readonly Caption?: unknown; readonly ObjectName?: unknown };
  readonly ifd0?: { readonly ImageDescription?: unknown };
  readonly ihdr?: { readonly Description?: unknown };
}

/** XMP has texts by language: `{ lang: 'x-default', value: 'a cat' }`, or several of these. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value === 'object' && value !== null && 'value' in value) return textsOf(value.value);
  return [];
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
