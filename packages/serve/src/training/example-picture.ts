import { open } from 'node:fs/promises';
import { sniff } from '@diptych/preprocess/image';
import { HttpError } from '../api/problem.js';
import type { Thumbnails } from '../pictures/thumbnails.js';
import type { RunsFolder } from './runs-folder.js';

const HEAD = 4096;
/** The longest side in pixels. */
const SIZE = 160;

/**
 * The picture of a row of a run's examples, small, as WebP. A caller names a row, never a path; only what begins as a bitmap is read.
 *
 * @throws HttpError 404 or 415
 */
export async function examplePicture(
  runs: RunsFolder,
  run: string,
  row: number,
  thumbnails: Thumbnails,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const path = (await runs.examplePairs(run))[row]?.image;
  const missing = () =>
    new HttpError(404, {
      where: `${run}: row ${row}`,
      expected: 'a picture of the examples',
      got: 'none that is there',
    });
  if (typeof path !== 'string') throw missing();
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) throw missing();
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw missing();
    const head = new Uint8Array(HEAD);
    const { bytesRead } = await file.read(head, 0, HEAD, 0);
    const found = sniff(head.subarray(0, bytesRead));
    if (!('format' in found)) throw new HttpError(415, { where: path, expected: 'a picture', got: found.instead });
    const tag = `"${stats.size.toString(36)}-${Math.round(stats.mtimeMs).toString(36)}"`;
    return await thumbnails.get({ path, tag }, SIZE, signal);
  } finally {
    await file.close();
  }
}
