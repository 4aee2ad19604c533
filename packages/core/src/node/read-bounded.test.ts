import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBounded } from './read-bounded.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-bounded-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('readBounded', () => {
  it.each([1, 70_000, 300_000])('reads a file of %i bytes, whole or a part', async (size) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i % 251);
    const path = join(folder, `${size}.bin`);
    writeFileSync(path, bytes);
    expect(await readBounded(path, size)).toEqual(bytes);
    const part = { offset: size >> 2, length: size >> 1 };
    expect(await readBounded(path, size, part)).toEqual(bytes.subarray(part.offset, part.offset + part.length));
    await expect(readBounded(path, size, { offset: 1, length: size })).rejects.toMatchObject({
      reason: 'ended',
      size,
    });
    await expect(readBounded(path, size - 1)).rejects.toMatchObject({ reason: 'too-large', size });
  });

  it('says what is in the way', async () => {
    mkdirSync(join(folder, 'sub'));
    const reasonOf = (path: string) => readBounded(path, 10).catch(({ reason }: { reason: string }) => reason);
    expect(await reasonOf(join(folder, 'none'))).toBe('missing');
    expect(await reasonOf(join(folder, '1.bin', 'x'))).toBe('missing');
    expect(await reasonOf(join(folder, 'sub'))).toBe('folder');
    if (process.platform !== 'win32') expect(await reasonOf('/dev/null')).toBe('device');
    expect(await reasonOf('zero\0byte')).toBe('failed');
  });
});
