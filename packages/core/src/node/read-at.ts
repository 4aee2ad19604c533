import { readSync } from 'node:fs';

/** Node reads at most 2 GiB at once. */
const MAX_READ = 2 ** 30;

/**
 * Reads an open file from `position` on until `target` is full.
 *
 * @returns bytes that were read: fewer than `target` has where the file ends before
 */
export function readAt(file: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(file, target, done, Math.min(target.length - done, MAX_READ), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
