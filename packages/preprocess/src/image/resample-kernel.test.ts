import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import wabtInit from 'wabt';
import { resampleKernelWasm } from './resample-kernel.wasm.js';

it('is what the text assembles to (scripts/build-resample-kernel.mjs)', async () => {
  const source = readFileSync(new URL('./resample-kernel.wat', import.meta.url), 'utf8');
  const { buffer } = (await wabtInit()).parseWat('resample-kernel.wat', source, { simd: true }).toBinary({});
  expect(resampleKernelWasm).toBe(Buffer.from(buffer).toString('base64'));
});
