import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** Gives each test of a suite an empty folder, which is gone afterwards. */
export function eachFolder(name: string, take: (folder: string) => void): void {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), `diptych-${name}-`));
    take(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
}
