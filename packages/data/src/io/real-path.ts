import { realpath } from 'node:fs/promises';
import type { Origin } from '../origin.js';
import { isInside, outsideRoot } from './image-path.js';

/**
 * Follows the links of a path and checks that they end inside the root.
 *
 * @throws DataError `outside-root`
 * @throws Error of the file system where there is no such file
 */
export async function checkRealPath(path: string, root: string, origin: Origin): Promise<void> {
  const [real, realRoot] = await Promise.all([realpath(path), realpath(root)]);
  if (!isInside(realRoot, real)) throw outsideRoot(`${path}, which leads to ${real}`, root, origin);
}
