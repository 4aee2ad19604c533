import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import * as exifr from 'exifr';
import sharp from 'sharp';

/** What cameras and programs write where a person could have written something. */
const NO_DESCRIPTION =
  /^(olympus digital camera|sony dsc|dig(ital )?cam(era)?|minolta digital camera|konica minolta.*|kodak.*camera|samsung( camera pictures)?|created with gimp|screenshot|untitled|default|charset=.*|img|image|photo)$/i;

/**
 * What a picture's metadata say it shows: descriptions in XMP (beside the picture, else in it), IPTC and EXIF, then titles, headlines and
 * comments (Windows' among them), then its keywords. What a camera wrote by itself does not count.
 *
 * @returns undefined where they say nothing
 */
export async function describedInMetadata(path: string): Promise<string | undefined> {
  for (const found of [await besides(path), await inside(path)]) {
    for (const value of said(found ?? {}).flatMap(textsOf)) {
      const text = value.replace(/\0+$/, '').replace(/\s+/g, ' ').trim();
      if (/[\p{L}\p{N}]/u.test(text) && !NO_DESCRIPTION.test(text)) return text;
    }
  }
  return undefined;
}

/** In the order of how well they describe. */
function said({ dc, iptc, ifd0, ihdr, tiff, exif, photoshop, Iptc4xmpCore, userComment }: Metadata): unknown[] {
  const inIptc = (value: unknown) => (typeof value === 'string' ? decodedIptc(value) : value);
  const keywords = dc?.subject ?? (Array.isArray(iptc?.Keywords) ? iptc.Keywords.map(inIptc) : inIptc(iptc?.Keywords));
  return [
    dc?.description,
    inIptc(iptc?.Caption),
    ifd0?.ImageDescription,
    tiff?.ImageDescription,
    ihdr?.Description,
    Iptc4xmpCore?.AltTextAccessibility,
    dc?.title,
    inIptc(iptc?.ObjectName),
    ifd0?.XPTitle,
    photoshop?.Headline,
    inIptc(iptc?.Headline),
    ifd0?.XPSubject,
    ifd0?.XPComment,
    exif?.UserComment,
    userComment && decodedComment(userComment),
    Array.isArray(keywords) ? keywords.join(', ') : (keywords ?? ifd0?.XPKeywords),
  ];
}

const SEGMENTS = {
  tiff: true,
  ifd0: {},
  exif: { pick: ['UserComment'] },
  userComment: true,
  gps: false,
  interop: false,
  iptc: true,
  xmp: true,
  ihdr: true,
  mergeOutput: false,
};

interface Metadata {
  readonly dc?: { readonly description?: unknown; readonly title?: unknown; readonly subject?: unknown };
  readonly iptc?: {
    readonly Caption?: unknown;
    readonly ObjectName?: unknown;
    readonly Headline?: unknown;
    readonly Keywords?: unknown;
  };
  readonly ifd0?: {
    readonly ImageDescription?: unknown;
    readonly XPTitle?: unknown;
    readonly XPSubject?: unknown;
    readonly XPComment?: unknown;
    readonly XPKeywords?: unknown;
  };
  readonly ihdr?: { readonly Description?: unknown };
  readonly tiff?: { readonly ImageDescription?: unknown };
  readonly exif?: { readonly UserComment?: unknown };
  readonly photoshop?: { readonly Headline?: unknown };
  readonly Iptc4xmpCore?: { readonly AltTextAccessibility?: unknown };
  readonly userComment?: Uint8Array;
}

/** Of a file beside the picture: `cat.xmp` as Lightroom writes it, `cat.jpg.xmp` as darktable and digiKam do. */
async function besides(path: string): Promise<Metadata | undefined> {
  const stem = path.slice(0, path.length - extname(path).length);
  const sidecar = [`${path}.xmp`, `${stem}.xmp`, `${stem}.XMP`].find(existsSync);
  if (sidecar === undefined) return undefined;
  try {
    return (await exifr.sidecar(sidecar, { xmp: true, mergeOutput: false })) as Metadata | undefined;
  } catch {
    return undefined;
  }
}

async function inside(path: string): Promise<Metadata | undefined> {
  try {
    if (/\.webp$/i.test(path)) return await insideWebp(path);
    const found = (await exifr.parse(path, SEGMENTS)) as Metadata | undefined;
    const described = found?.ifd0?.ImageDescription;
    if (typeof described !== 'string' || !described.includes(LOST)) return found;
    return { ...found, ifd0: { ...found!.ifd0, ImageDescription: await inLatin(path, described) } };
  } catch {
    // a kind of file without such metadata, or broken metadata of a picture that may be whole
    return undefined;
  }
}

/** What stands for bytes that are no UTF-8. */
const LOST = '\uFFFD';

/** EXIF has no word for its characters: what is no UTF-8 is Windows' Latin, found again by the bytes around it. */
async function inLatin(path: string, text: string): Promise<string> {
  const { exif } = await sharp(path).metadata();
  const known = text.split(LOST).map((part) =>
    Buffer.from(part)
      .toString('latin1')
      .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
  );
  const bytes = new RegExp(known.join('[\\x80-\\xff]{1,3}')).exec(exif?.toString('latin1') ?? '')?.[0];
  return bytes === undefined ? text : new TextDecoder('windows-1252').decode(Buffer.from(bytes, 'latin1'));
}

/** exifr does not open WebP, and reads what is in it. */
async function insideWebp(path: string): Promise<Metadata> {
  const { exif, xmp } = await sharp(path).metadata();
  const tiff = exif?.subarray(exif.toString('latin1', 0, 4) === 'Exif' ? 6 : 0);
  const inExif = tiff && ((await exifr.parse(tiff, SEGMENTS)) as Metadata | undefined);
  const inXmp = xmp && ((await exifr.sidecar(xmp, { xmp: true, mergeOutput: false })) as Metadata | undefined);
  return { ...inExif, ...inXmp };
}

/** IPTC says in a segment of its own, if at all, that it holds UTF-8; exifr reads Latin-1. */
function decodedIptc(text: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

/** EXIF's comment: eight bytes that name the characters, then these. */
function decodedComment(bytes: Uint8Array): string {
  const name = Buffer.from(bytes.subarray(0, 8)).toString('latin1').replace(/\0+$/, '');
  const rest = bytes.subarray(8);
  if (name === 'JIS') return new TextDecoder('iso-2022-jp').decode(rest);
  if (name !== 'UNICODE') return decodedIptc(Buffer.from(rest).toString('latin1'));
  // in the order of the file's bytes, or in another: what has more letters is the text
  const both = ['utf-16be', 'utf-16le'].map((order) => new TextDecoder(order).decode(rest));
  const letters = (text: string) => text.match(/[\p{L}\p{N}\p{P}\p{Zs}]/gu)?.length ?? 0;
  return letters(both[1]!) > letters(both[0]!) ? both[1]! : both[0]!;
}

/** XMP has texts by language: `{ lang: 'x-default', value: 'a cat' }`, or several of these, the default one first. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value === 'object' && value !== null && 'value' in value) return textsOf(value.value);
  return [];
}
