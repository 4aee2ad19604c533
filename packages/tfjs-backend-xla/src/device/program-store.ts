import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '@diptych/core/node';

/** Where compiled programs are kept unless an option says otherwise: DIPTYCH_XLA_CACHE, else beside the plugins. */
export function defaultProgramFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.DIPTYCH_XLA_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'diptych/xla');
}

/**
 * Compiled programs on disk, by the hash of all that decides what they are. Several processes may share a folder; what cannot be
 * read or written is compiled, and nothing else fails for it.
 */
export class ProgramStore {
  constructor(
    readonly folder: string,
    /** Beyond this, what was not used for longest goes. */
    private readonly maxBytes = 4 * 2 ** 30,
  ) {}

  /** The name of a program, by texts that say what it is and where it runs. */
  key(...parts: readonly string[]): string {
    const hash = createHash('sha256');
    // a length before each, so that no two lists of parts have the same bytes
    for (const part of parts) hash.update(`${part.length}:`).update(part);
    return hash.digest('hex');
  }

  read(key: string): Uint8Array | undefined {
    const path = this.#path(key);
    try {
      const bytes = readFileSync(path);
      const now = new Date();
      utimesSync(path, now, now);
      return bytes;
    } catch {
      return undefined;
    }
  }

  /** @returns whether it was written */
  async write(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      mkdirSync(this.folder, { recursive: true });
      this.#makeRoom(bytes.length);
      await writeFileAtomically(this.#path(key), [bytes]);
      return true;
    } catch {
      return false;
    }
  }

  /** Forgets a program that could not be loaded. */
  remove(key: string): void {
    rmSync(this.#path(key), { force: true });
  }

  #path(key: string): string {
    return join(this.folder, `${key}.xla`);
  }

  #makeRoom(bytes: number): void {
    const files = readdirSync(this.folder)
      .filter((name) => name.endsWith('.xla'))
      .map((name) => ({ path: join(this.folder, name), ...statSync(join(this.folder, name)) }))
      .sort((a, b) => a.mtimeMs - b.mtimeMs);
    let total = files.reduce((sum, { size }) => sum + size, bytes);
    for (const { path, size } of files) {
      if (total <= this.maxBytes) return;
      rmSync(path, { force: true });
      total -= size;
    }
  }
}
