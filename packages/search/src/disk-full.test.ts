import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { numberedIds, randomMatrix } from '../test/random-rows.js';
import { openIndex } from './open-index.js';

const disk = mkdtempSync(join(tmpdir(), 'diptych-full-'));
let mounted = false;
try {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
  mounted = true;
} catch {
  // only root may, and not in every container
}
afterAll(() => {
  if (mounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

it.skipIf(!mounted)(
  'a full disk ends a call with an error, loses nothing, and lets the next go on once there is room',
  async () => {
    const path = join(disk, 'index');
    const index = await openIndex(path, { embedDim: 64, threads: 1 });
    let rows = 0;
    let failures = 0;
    for (let round = 0; round < 40; round++) {
      const count = 100 + round;
      try {
        await index.add({ ids: numberedIds(count, round * 1000), vectors: randomMatrix(count, 64, round) });
        rows += count;
      } catch (error) {
        expect((error as Error).message).toMatch(/the disk is full; make room; nothing of this call was done/);
        failures++;
      }
      expect(await index.count()).toBe(rows);
    }
    expect(failures).toBeGreaterThan(5);
    await index.verify();
    expect(readdirSync(path).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await index.close();
    const again = await openIndex(path, { threads: 1 });
    expect(await again.count()).toBe(rows);
    expect((await again.search(randomMatrix(1, 64), { k: 10_000 }))[0]!.length).toBe(rows);
    execFileSync('mount', ['-o', 'remount,size=8m', disk]);
    await again.add({ ids: numberedIds(100, 900_000), vectors: randomMatrix(100, 64) });
    expect(await again.count()).toBe(rows + 100);
    await again.close();
  },
);
