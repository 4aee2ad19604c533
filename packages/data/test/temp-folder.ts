import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

/** A folder that is gone after the test file, and a function that writes into it. */
export function tempFolder(name: string): {
  folder: string;
  write: (path: string, content: string | Uint8Array) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), `diptych-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (path: string, content: string | Uint8Array) => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };
  return { folder, write };
}
