import { sniff } from '@diptych/preprocess/image';
import sharp from 'sharp';
import { HttpError } from '../api/problem.js';
import { upright } from './upright.js';

/**
 * A picture that somebody sent: bytes, or base64 with or without the head of a data URL. Only its head is looked at here, so that what
 * is no picture, or too large a one, costs nothing.
 *
 * @returns its bytes, upright
 * @throws HttpError 400 for what is no picture, 413 beyond `maxPixels`
 */
export async function checkUpload(where: string, sent: string | Uint8Array, maxPixels: number): Promise<Uint8Array> {
  const bytes = typeof sent === 'string' ? decoded(sent) : sent;
  const found = sniff(bytes);
  if (!('format' in found)) {
    throw new HttpError(400, { where, expected: 'a JPEG, PNG, WebP, GIF, TIFF or AVIF picture', got: found.instead });
  }
  const about = await sharp(bytes, { limitInputPixels: false, failOn: 'none' })
    .metadata()
    .catch((cause) => {
      throw new HttpError(400, { where, expected: 'a whole picture', got: `a damaged ${found.format}` }, { cause });
    });
  const { width = 0, height = 0 } = about;
  if (width * height > maxPixels) {
    throw new HttpError(413, {
      where,
      expected: `at most ${maxPixels} pixels`,
      got: `${width} x ${height}`,
      remedy: 'make it smaller: the model looks at a few hundred pixels a side',
    });
  }
  return upright(bytes, about);
}

/** What is no base64 gives bytes that are no picture. */
function decoded(text: string): Uint8Array {
  return Buffer.from(text.startsWith('data:') ? text.slice(text.indexOf(',') + 1) : text, 'base64');
}
