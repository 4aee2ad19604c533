/** Assembles src/image/resample-kernel.wat into src/image/resample-kernel.wasm.ts; a test checks that both match. */
import { readFileSync, writeFileSync } from 'node:fs';
import wabtInit from 'wabt';

const folder = new URL('../src/image/', import.meta.url);
const wabt = await wabtInit();
const source = readFileSync(new URL('resample-kernel.wat', folder), 'utf8');
const { buffer } = wabt.parseWat('resample-kernel.wat', source, { simd: true }).toBinary({});
writeFileSync(
  new URL('resample-kernel.wasm.ts', folder),
  `/** resample-kernel.wat, assembled by scripts/build-resample-kernel.mjs; base64. */
export const resampleKernelWasm =
  '${Buffer.from(buffer).toString('base64')}';
`,
);
