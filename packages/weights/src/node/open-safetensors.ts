import { closeSync, fstatSync, openSync, type Stats } from 'node:fs';
import { checkPath, WeightsError } from '@diptych/core';
import { readAt } from '@diptych/core/node';
import { type ByteReader, Safetensors } from '../safetensors.js';

/**
 * Opens a safetensors file: its header is read and checked now, a tensor when it is asked for, straight into its own
 * array. No file stays open in between, so there is nothing to close.
 *
 * @throws WeightsError if the file is missing, malformed, or a pickle (which is never read)
 */
export function openSafetensors(path: string): Safetensors {
  checkPath('weights.openSafetensors', path);
  return new Safetensors(path, new FileReader(path));
}

/** Reads ranges of a file that must stay the file it was when it was opened. */
class FileReader implements ByteReader {
  readonly size: number;
  readonly #path: string;
  readonly #opened: Stats;

  constructor(path: string) {
    this.#path = path;
    this.#opened = withFile(path, (file) => fstatSync(file));
    if (!this.#opened.isFile()) {
      throw new WeightsError({ where: path, expected: 'a safetensors file', got: 'something that is not a file' });
    }
    this.size = this.#opened.size;
  }

  readInto(offset: number, target: Uint8Array): void {
    withFile(this.#path, (file) => {
      this.#checkUnchanged(fstatSync(file));
      if (readAt(file, target, offset) < target.length) {
        throw new WeightsError({ where: this.#path, problem: 'the file ended while it was read' });
      }
    });
  }

  #checkUnchanged({ ino, size, mtimeMs }: Stats): void {
    if (ino === this.#opened.ino && size === this.#opened.size && mtimeMs === this.#opened.mtimeMs) return;
    throw new WeightsError({
      where: this.#path,
      problem: 'the file was replaced or changed after it was opened',
      remedy: 'open it again',
    });
  }
}

function withFile<T>(path: string, use: (file: number) => T): T {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new WeightsError(
      {
        where: path,
        problem: missing ? 'there is no such file' : `cannot be opened: ${(cause as Error).message}`,
        remedy: 'check the path',
      },
      { cause },
    );
  }
  try {
    return use(file);
  } catch (cause) {
    if (cause instanceof WeightsError) throw cause;
    throw new WeightsError(
      { where: path, problem: `cannot be read: ${(cause as Error).message}`, remedy: 'check the path' },
      { cause },
    );
  } finally {
    closeSync(file);
  }
}
