import { checkBytes } from '@diptych/core';

/** An image format that can be decoded. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif';

/** What the first bytes of a file say: a format, or in words what it is instead. */
export type Sniffed = { readonly format: ImageFormat } | { readonly instead: string };

/**
 * Recognises a format by its first bytes; file names are not believed.
 *
 * Only bitmap formats pass. SVG and PDF, which may refer to other files and addresses, never reach the decoder.
 *
 * @param bytes the first of the file; 64 are plenty
 * @throws ConfigError for anything but a Uint8Array
 */
export function sniff(bytes: Uint8Array): Sniffed {
  checkBytes('preprocess.sniff', bytes);
  for (const { format, matches } of signatures) if (matches(bytes)) return { format };
  return { instead: describeForeign(bytes) };
}

const signatures: readonly { format: ImageFormat; matches(bytes: Uint8Array): boolean }[] = [
  { format: 'jpeg', matches: (b) => startsWith(b, '\xff\xd8\xff') },
  { format: 'png', matches: (b) => startsWith(b, '\x89PNG\r\n\x1a\n') },
  { format: 'webp', matches: (b) => startsWith(b, 'RIFF') && startsWith(b, 'WEBP', 8) },
  { format: 'gif', matches: (b) => startsWith(b, 'GIF87a') || startsWith(b, 'GIF89a') },
  { format: 'tiff', matches: (b) => startsWith(b, 'II*\0') || startsWith(b, 'MM\0*') },
  { format: 'tiff', matches: (b) => startsWith(b, 'II+\0') || startsWith(b, 'MM\0+') },
  {
    format: 'avif',
    matches: (b) => startsWith(b, 'ftyp', 4) && isobmffBrands(b).some((brand) => /^avi[fs]$/.test(brand)),
  },
];

const foreign: readonly [description: string, prefix: string, offset?: number][] = [
  ['a PDF document', '%PDF'],
  ['a ZIP archive', 'PK\x03\x04'],
  ['a gzip file', '\x1f\x8b'],
  ['a BMP picture', 'BM'],
  ['a Windows icon', '\0\0\x01\0'],
  ['a JPEG XL picture', '\xff\x0a'],
  ['a JPEG XL picture', 'JXL ', 4],
  ['a JPEG 2000 picture', 'jP  ', 4],
  ['a Photoshop document', '8BPS'],
  ['a Git LFS pointer', 'version https://git-lfs'],
];

function describeForeign(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  if (startsWith(bytes, 'ftyp', 4) && isobmffBrands(bytes).some((brand) => /^(hei[cxms]|hev[cxms])$/.test(brand)))
    return 'a HEIC picture, whose decoder has to be licensed (save it as JPEG)';
  if (startsWith(bytes, 'ftyp', 4))
    return `an ISO media file of brand ${JSON.stringify(isobmffBrands(bytes)[0] ?? '')}`;
  for (const [description, prefix, offset] of foreign) if (startsWith(bytes, prefix, offset)) return description;
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 1024));
  if (/<svg[\s>]/i.test(head)) return 'an SVG drawing';
  if (/<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]/i.test(head)) return 'an HTML page';
  if (/^\s*<\?xml/.test(head)) return 'an XML document';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the absence of control characters is what makes it text
  if (!/[\x00-\x08\x0e-\x1f]/.test(head)) return `text that starts with ${JSON.stringify(head.slice(0, 24))}`;
  return `unknown data that starts with ${hex(bytes.subarray(0, 8))}`;
}

function startsWith(bytes: Uint8Array, prefix: string, offset = 0): boolean {
  if (bytes.length < offset + prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[offset + i] !== prefix.charCodeAt(i)) return false;
  return true;
}

/** Major and compatible brands of an ISO base media file. */
function isobmffBrands(bytes: Uint8Array): string[] {
  const size = Math.min(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), bytes.length, 256);
  const brands: string[] = [];
  for (let at = 8; at + 4 <= size; at += 4) {
    if (at !== 12) brands.push(String.fromCharCode(...bytes.subarray(at, at + 4)));
  }
  return brands;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
