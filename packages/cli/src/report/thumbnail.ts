import { readFileSync } from 'node:fs';
import sharp from 'sharp';

const THUMBNAIL = 64;

/** A picture as a PNG small enough for a page or a terminal. */
export async function thumbnail(path: string): Promise<Buffer> {
  return sharp(readFileSync(path)).resize(THUMBNAIL, THUMBNAIL, { fit: 'inside' }).png().toBuffer();
}

/** The same as a `data:` URI. */
export async function thumbnailUri(path: string): Promise<string> {
  return `data:image/png;base64,${(await thumbnail(path)).toString('base64')}`;
}
