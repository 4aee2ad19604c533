import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InputError } from '@diptych/core';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

/**
 * Unpacks a wheel as Python's site-packages have it. Names that lead out of the folder are refused by yauzl.
 *
 * @throws InputError if the file is no zip archive, or a damaged one
 */
export async function unpackWheel(wheel: string, folder: string): Promise<void> {
  try {
    const zip = await opened(wheel);
    for await (const entry of entriesOf(zip)) await extract(zip, entry, folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== undefined) throw cause;
    const problem = `cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new InputError({ where: basename(wheel), problem, remedy: 'remove it and try again' }, { cause });
  }
}

function opened(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true }, (error, zip) => (error ? reject(error) : resolve(zip)));
  });
}

/** The entries, each read when the one before it is done. */
async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      zip.once('entry', resolve);
      zip.once('end', () => resolve(undefined));
      zip.once('error', reject);
      zip.readEntry();
    });
    zip.removeAllListeners();
    if (entry === undefined) return;
    yield entry;
  }
}

async function extract(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  const path = join(folder, entry.fileName);
  if (entry.fileName.endsWith('/')) {
    await mkdir(path, { recursive: true });
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
  // ptxas must stay a program
  const isProgram = ((entry.externalFileAttributes >>> 16) & 0o111) !== 0;
  await pipeline(content, createWriteStream(path, { mode: isProgram ? 0o755 : 0o644 }));
}
