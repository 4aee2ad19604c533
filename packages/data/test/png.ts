import { crc32, deflateSync } from 'node:zlib';

/** A chunk of a PNG file; `length` and `crc` can be made wrong. */
export function pngChunk(type: string, data: Uint8Array, wrong: { length?: number; crc?: number } = {}): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(wrong.length ?? data.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(wrong.crc ?? crc32(body));
  return Buffer.concat([length, body, crc]);
}

/** An 8-bit RGB PNG that claims a size and holds some rows of zeros. */
export function blackPng(width: number, height: number, rows = height): Buffer {
  return Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', pngHeader(width, height)),
    pngChunk('IDAT', deflateSync(Buffer.alloc(rows * (1 + width * 3)))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** IHDR of an 8-bit RGB PNG. */
export function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return header;
}

export const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
