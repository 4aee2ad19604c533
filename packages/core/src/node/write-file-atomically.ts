import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { checkPath } from '../config-checks.js';
import { ConfigError } from '../errors.js';

/**
 * Writes a file so that after a crash or power cut there is either the old file or the whole new one: into a
 * temporary file beside it, synced, renamed over the target, and the folder synced so that the rename lasts.
 *
 * @param pieces the content; each piece is made when the one before it is written
 * @throws what the file system or `pieces` throws; the temporary file is then removed
 */
export async function writeFileAtomically(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  checkPath('core.writeFileAtomically', path);
  if (typeof pieces !== 'object' || pieces === null || !(Symbol.iterator in pieces || Symbol.asyncIterator in pieces)) {
    throw new ConfigError({ where: 'core.writeFileAtomically', expected: 'an iterable of bytes', got: typeof pieces });
  }
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const piece of pieces) await writeAll(file, piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  const limit = 2 ** 30;
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, limit));
    done += bytesWritten;
  }
}

/** Makes renames and removals in a folder last through a power cut. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders, and needs no sync of them.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
