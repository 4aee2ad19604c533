import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';

/** A lock of another machine that was not touched for so long is nobody's any more. */
const FORGOTTEN_MS = 10 * 60_000;
const TOUCH_MS = 60_000;
const NAME = '.lock';

/**
 * A folder in the hands of one writer, a run or an index: a file that names the process.
 *
 * A process that was killed leaves the file behind, but no lock: whoever comes next asks the system whether that process
 * still lives, by number and start time. Processes of other machines (a shared disk) cannot be asked for; these
 * have to touch the file, and lose the lock after ten minutes without. Ages are compared by the disk's own clock.
 */
export class FolderLock {
  readonly #path: string;
  readonly #content: string;
  readonly #token: string;
  readonly #touching: NodeJS.Timeout;

  private constructor(path: string, content: string, token: string) {
    this.#path = path;
    this.#content = content;
    this.#token = token;
    this.#touching = setInterval(() => this.#touch(), TOUCH_MS);
    this.#touching.unref();
  }

  /**
   * @param taken the error for a folder that somebody has, `process 17 on host`
   * @throws `taken`'s error, and the file system's if the folder cannot be written to
   */
  static take(folder: string, taken: (holder: string) => Error): FolderLock {
    const path = join(folder, NAME);
    const token = randomUUID();
    const mine = join(folder, `${NAME}-${token}`);
    const content = JSON.stringify({ ...ownIdentity(), token } satisfies LockFile);
    try {
      writeFileSync(mine, content);
      for (let attempt = 0; attempt < 10; attempt++) {
        if (place(mine, path, content)) return new FolderLock(path, content, token);
        const holder = readLock(path);
        if (holder === 'gone') continue;
        if (!isForgotten(holder, path, mine)) throw taken(nameOf(holder));
        clear(path, holder);
      }
      throw taken(nameOf(undefined));
    } finally {
      rmSync(mine, { force: true });
    }
  }

  /** Gives the folder back; nothing happens if it was lost meanwhile. */
  release(): void {
    clearInterval(this.#touching);
    const holder = readLock(this.#path);
    if (holder !== 'gone' && holder?.token === this.#token) rmSync(this.#path, { force: true });
  }

  #touch(): void {
    try {
      // the same bytes again, so that the disk's clock sets the time, not this machine's
      writeFileSync(this.#path, this.#content, { flag: 'r+' });
    } catch {
      // saving will say what is wrong with the folder
    }
  }
}

interface LockFile extends ProcessIdentity {
  readonly token: string;
}

/** Puts the lock there, as a whole or not at all. Returns false if there is one. */
function place(mine: string, path: string, content: string): boolean {
  try {
    linkSync(mine, path); // NFS makes links atomically, which older ones do not do for new files
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  try {
    writeFileSync(path, content, { flag: 'wx' }); // a file system without links
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** undefined where the file says nothing that can be understood. */
function readLock(path: string): LockFile | undefined | 'gone' {
  try {
    const lock = JSON.parse(readFileSync(path, 'utf8')) as LockFile | null;
    return typeof lock?.token === 'string' && typeof lock.pid === 'number' ? lock : undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : undefined;
  }
}

function isForgotten(holder: LockFile | undefined, path: string, justWritten: string): boolean {
  const alive = holder && isAlive(holder);
  if (alive !== undefined) return !alive;
  try {
    return statSync(justWritten).mtimeMs - statSync(path).mtimeMs > FORGOTTEN_MS;
  } catch {
    return true; // it went away
  }
}

/** Takes a dead lock off. Of several who try, one moves it; whoever moved a lock that had become another's puts it back. */
function clear(path: string, expected: LockFile | undefined): void {
  const removed = `${path}-dead-${randomUUID()}`;
  try {
    renameSync(path, removed);
  } catch {
    return; // somebody was faster
  }
  const found = readLock(removed);
  if (found !== 'gone' && found?.token !== expected?.token) {
    try {
      linkSync(removed, path);
    } catch {
      // a third one has it already
    }
  }
  rmSync(removed, { force: true });
}

function nameOf(holder: LockFile | undefined): string {
  return holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
}
