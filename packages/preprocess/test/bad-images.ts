import { crc32, deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';

/** A file that is no usable picture, and what the error must say. */
export interface BadImage {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly error: RegExp;
}

const text = (value: string) => new TextEncoder().encode(value);

/** Files as they turn up in real collections, made on the spot; all small. */
export async function badImages(): Promise<BadImage[]> {
  const noise = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => (Math.imul(i, 2654435761) >>> 24) & 255);
  const picture = () => sharp(noise, { raw: { width: 64, height: 48, channels: 3 } });
  const jpeg = await picture().jpeg().toBuffer();
  const png = await picture().png().toBuffer();
  const webp = await picture().webp().toBuffer();
  const gif = await picture().gif().toBuffer();
  const tiff = await picture().tiff({ compression: 'lzw' }).toBuffer();
  const avif = await picture().avif().toBuffer();
  const cut = (bytes: Uint8Array, share: number) => bytes.subarray(0, Math.floor(bytes.length * share));
  const damaged = /is damaged, cut short or of an unsupported kind/;
  return [
    { name: 'zero bytes', bytes: new Uint8Array(), error: /got an empty file/ },
    { name: 'one byte', bytes: new Uint8Array([0xff]), error: /got unknown data|got text/ },
    { name: 'a JPEG header and no more', bytes: jpeg.subarray(0, 20), error: damaged },
    { name: 'a JPEG cut in half', bytes: cut(jpeg, 0.5), error: damaged },
    { name: 'a JPEG cut at nine tenths', bytes: cut(jpeg, 0.9), error: damaged },
    { name: 'a PNG signature and no more', bytes: png.subarray(0, 8), error: damaged },
    { name: 'a PNG cut in half', bytes: cut(png, 0.5), error: damaged },
    { name: 'a WebP cut in half', bytes: cut(webp, 0.5), error: damaged },
    { name: 'a GIF cut in its header', bytes: gif.subarray(0, 12), error: damaged },
    { name: 'a TIFF cut in half', bytes: cut(tiff, 0.5), error: damaged },
    { name: 'an AVIF cut in half', bytes: cut(avif, 0.5), error: damaged },
    { name: 'a PNG bomb of 50,000 x 50,000', bytes: pngHeader(50_000, 50_000), error: /at most 89478485 pixels/ },
    { name: 'a PNG of 0 x 0', bytes: pngHeader(0, 0), error: damaged },
    { name: 'a PNG of 2^31 x 1', bytes: pngHeader(2 ** 31 - 1, 1), error: /damaged|at most/ },
    { name: 'a PNG with wrong checksums', bytes: withByte(png, 29), error: damaged },
    { name: 'HTML named .jpg', bytes: text('<!DOCTYPE html><html><body>404</body></html>'), error: /got an HTML page/ },
    { name: 'HTML without doctype', bytes: text('\n <html lang="en"><head></head></html>'), error: /got an HTML page/ },
    {
      name: 'SVG with an external reference',
      bytes: text('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
      error: /got an SVG drawing/,
    },
    {
      name: 'SVG after an XML declaration',
      bytes: text('<?xml version="1.0"?><svg/>'),
      error: /SVG drawing|XML document/,
    },
    { name: 'JSON', bytes: text('{"error": "not found"}'), error: /got text that starts with/ },
    {
      name: 'a Git LFS pointer',
      bytes: text('version https://git-lfs.github.com/spec/v1\noid'),
      error: /Git LFS pointer/,
    },
    { name: 'PDF', bytes: text('%PDF-1.7 …'), error: /got a PDF document/ },
    { name: 'ZIP', bytes: text('PK\x03\x04 …'), error: /got a ZIP archive/ },
    { name: 'a gzipped JPEG', bytes: gzipSync(jpeg), error: /got a gzip file/ },
    { name: 'BMP', bytes: text('BM …'), error: /got a BMP picture/ },
    { name: 'MP4', bytes: text('\0\0\0\x18ftypmp42\0\0\0\0mp42isom'), error: /ISO media file of brand "mp42"/ },
    { name: 'HEIC', bytes: text('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), error: /a HEIC picture/ },
    { name: 'random bytes', bytes: noise.subarray(7, 500), error: /got unknown data/ },
    { name: 'a JPEG after 16 zero bytes', bytes: Buffer.concat([Buffer.alloc(16), jpeg]), error: /got unknown data/ },
    { name: 'UTF-16 text', bytes: Buffer.from('\ufeffhello', 'utf16le'), error: /got unknown data/ },
  ];
}

/** A PNG whose header promises a size, with one row of data. */
function pngHeader(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(1024))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A chunk of a PNG: length, type, data, checksum. */
export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function withByte(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at]! ^= 0x55;
  return changed;
}
