import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { kernelSource } from '../../scripts/build-kernel.mjs';

it('is what its templates assemble to (scripts/build-kernel.mjs)', async () => {
  expect(readFileSync(new URL('./kernel.wasm.ts', import.meta.url), 'utf8')).toBe(await kernelSource());
});
