import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomically } from '@diptych/core/node';
import { getRepoFolderName } from '@huggingface/hub';
import { lock } from 'proper-lockfile';
import { gitBlobPrefix, type HubFile } from '../hub-repository.js';

/**
 * The cache on disk, in the layout that Python's huggingface_hub made:
 *
 *     models--org--name/refs/main                      the commit that a branch or tag meant when last asked
 *     models--org--name/blobs/<hash>                   contents, by the hash that the hub lists
 *     models--org--name/snapshots/<commit>/<path>      links to blobs
 *     .locks/models--org--name/                        one download of a file at a time
 *
 * Files appear under their final names only when they are complete and checked, so other processes, Python's too, may
 * read the cache at any time.
 */
export class HubCache {
  readonly #root: string;
  readonly #folder: string;
  readonly #locks: string;

  constructor(root: string, repo: string) {
    const name = getRepoFolderName({ name: repo, type: 'model' });
    this.#root = root;
    this.#folder = join(root, name);
    this.#locks = join(root, '.locks', name);
  }

  /** The commit that a branch or tag meant when it was last asked for, if it ever was. */
  readRef(revision: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, 'refs', revision), 'utf8').trim();
    } catch {
      return undefined;
    }
  }

  /** Remembers what a branch or tag means. A cache that cannot be written to is no reason to fail. */
  async writeRef(revision: string, commit: string): Promise<void> {
    if (this.readRef(revision) === commit) return;
    const path = join(this.#folder, 'refs', revision);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomically(path, [new TextEncoder().encode(commit)]);
    } catch (error) {
      if (!isReadOnly(error)) throw error;
    }
  }

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return join(this.#folder, 'snapshots', commit);
  }

  /** A file's path in the cache, if it is there, in the size that the hub lists. */
  find(commit: string, path: string, size?: number): string | undefined {
    const pointer = join(this.snapshot(commit), path);
    const stats = statSync(pointer, { throwIfNoEntry: false });
    return stats?.isFile() && (size === undefined || stats.size === size) ? pointer : undefined;
  }

  /**
   * Brings a file into the cache, unless it is there.
   *
   * @param fetchInto called with a partial file to go on with, under a lock; it must leave the checked content there
   * @returns the path below the snapshot folder
   */
  async add(commit: string, file: HubFile, fetchInto: (partial: string) => Promise<void>): Promise<string> {
    const found = this.find(commit, file.path, file.size);
    if (found) return found;
    const blob = join(this.#folder, 'blobs', file.hash.hex);
    if (!hasSize(blob, file.size)) {
      await mkdir(dirname(blob), { recursive: true });
      await this.#exclusively(file.hash.hex, async () => {
        if (hasSize(blob, file.size)) return;
        // A name of our own: Python may be fetching the same file at the same time.
        const partial = `${blob}.diptych.incomplete`;
        await fetchInto(partial);
        await rename(partial, blob);
      });
    }
    const pointer = join(this.snapshot(commit), file.path);
    await link(blob, pointer);
    return pointer;
  }

  async #exclusively(name: string, work: () => Promise<void>): Promise<void> {
    await mkdir(this.#locks, { recursive: true });
    const release = await lock(this.#locks, {
      lockfilePath: join(this.#locks, `${name}.diptych.lock`),
      // The holder refreshes the lock; one whose process died is taken over.
      stale: 20_000,
      update: 2_000,
      retries: { forever: true, minTimeout: 50, maxTimeout: 1000, factor: 1.5 },
      // Only after this process was stopped for long: the work goes on, as both write the same bytes.
      onCompromised: () => {},
    });
    try {
      await work();
    } finally {
      await release().catch(() => {});
    }
  }

  /** For messages. */
  toString(): string {
    return this.#root;
  }
}

/** Hash of a file's content in the way in which the hub lists it. */
export async function hashFile(path: string, { hash, size }: HubFile): Promise<string> {
  const hasher = createHash(hash.kind === 'sha256' ? 'sha256' : 'sha1');
  if (hash.kind === 'git-sha1') hasher.update(gitBlobPrefix(size));
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hasher.update(chunk as Buffer);
  return hasher.digest('hex');
}

/** Syncs a file to the disk before it gets its final name. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function hasSize(path: string, size: number): boolean {
  return existsSync(path) && statSync(path).size === size;
}

/** Points to the blob with a relative link, as Python does, or copies it where links are not allowed (Windows). */
async function link(blob: string, pointer: string): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true });
  const temporary = `${pointer}.${randomUUID()}.tmp`;
  try {
    try {
      await symlink(relative(dirname(pointer), blob), temporary);
    } catch (error) {
      if (!['EPERM', 'ENOSYS', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await copyFile(blob, temporary);
    }
    await rename(temporary, pointer);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function isReadOnly(error: unknown): boolean {
  return ['EROFS', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}
