import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../tooling/check-circles.mjs', import.meta.url));

let root: string;
let count = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'diptych-circles-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Runs the check on a repository of these files. */
function check(files: Readonly<Record<string, string | object>>): { readonly code: number; readonly said: string } {
  const folder = join(root, String(count++));
  const all = { 'tsconfig.base.json': { compilerOptions: { module: 'nodenext', target: 'es2022' } }, ...files };
  for (const [name, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  try {
    return { code: 0, said: execFileSync('node', [SCRIPT, folder], { encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    const { status, stderr, stdout } = error as { status: number; stderr: string; stdout: string };
    return { code: status, said: stderr + stdout };
  }
}

describe('check-circles', () => {
  it('says nothing of files and packages that go one way', () => {
    const { code, said } = check({
      'packages/a/package.json': { name: 'a', dependencies: { b: '*', outside: '*' } },
      'packages/b/package.json': { name: 'b', peerDependencies: { a: '*' } },
      'packages/a/src/one.ts': "import './two.js';",
      'packages/a/src/two.ts': '',
    });
    expect([code, said]).toEqual([0, '2 files, 0 circles of imports; 2 packages, 0 circles\n']);
  });

  it('names the files of a circle, types included', () => {
    const { code, said } = check({
      'packages/a/package.json': { name: 'a' },
      'packages/a/src/one.ts': "import type { B } from './two.js';\nexport type A = B;",
      'packages/a/src/two.ts': "import type { A } from './one.js';\nexport type B = A;",
    });
    expect(code).toBe(1);
    expect(said).toContain(
      'circle of 2 files: packages/a/src/one.ts -> packages/a/src/two.ts -> packages/a/src/one.ts',
    );
  });

  it.each(['dependencies', 'devDependencies', 'optionalDependencies'])('names the packages of a ring by %s', (by) => {
    const { code, said } = check({
      'packages/a/package.json': { name: '@x/a', dependencies: { '@x/b': '*' } },
      'packages/b/package.json': { name: '@x/b', dependencies: { '@x/c': '*' } },
      'apps/c/package.json': { name: '@x/c', [by]: { '@x/a': '*' } },
    });
    expect(code).toBe(1);
    expect(said).toContain('circle of 3 packages: @x/a -> @x/b -> @x/c -> @x/a');
    expect(said).toContain('3 packages, 1 circles');
  });
});
