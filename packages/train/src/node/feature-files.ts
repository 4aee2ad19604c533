import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Files of features, and what a process that was killed left of one. */
const FILES = /^\.?[0-9a-f]{32}\.safetensors(\.[0-9a-f-]+\.tmp)?$/;
/** Milliseconds for which a file stays after its last use: another process may be about to read it, or still writes it. */
const IN_USE = 10 * 60_000;

/** Files that this process has used: a run that was interrupted wants all of its own again. */
const used = new Set<string>();

/** Notes that a file was used now. Returns whether it is there. */
export function markUsed(path: string): boolean {
  try {
    const now = new Date();
    utimesSync(path, now, now);
    used.add(resolve(path));
    return true;
  } catch {
    return false;
  }
}

/** Removes files of features until the others take at most so many bytes; those whose last use is longest ago go first. */
export function removeLeastUsed(folder: string, maxBytes: number): void {
  const files = readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stats = FILES.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    return stats?.isFile() ? [{ path, bytes: stats.size, last: stats.mtimeMs }] : [];
  });
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (const { path, bytes: own, last } of files.sort((a, b) => a.last - b.last)) {
    if (bytes <= maxBytes) return;
    if (used.has(resolve(path)) || Date.now() - last < IN_USE) continue;
    try {
      rmSync(path, { force: true });
      bytes -= own;
    } catch {
      // Windows keeps files that somebody reads; the next call tries again
    }
  }
}
