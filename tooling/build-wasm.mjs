// Compiles the *.wat of the engines and writes the bytes into *.wasm.ts beside them, so that neither installs nor bundlers need a
// WebAssembly toolchain or an asset. Run after editing a .wat file; a test compares the bytes with a fresh compile.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import wabtInit from 'wabt';

/** Every WebAssembly source of the repository. */
export const sources = ['graph/src/engine/wasm/philox.wat', 'tfjs-backend-onnxruntime/src/wasm/adamw.wat'].map(
  (path) => new URL(`../packages/${path}`, import.meta.url),
);

/** The WebAssembly binary of one WAT source text. */
export async function compileWat(name, text) {
  const wabt = await wabtInit();
  const module = wabt.parseWat(name, text, { simd: true });
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

/** The checked-in TypeScript module for one binary. */
export function inlineSource(name, bytes) {
  const base64 = Buffer.from(bytes)
    .toString('base64')
    .replace(/.{1,100}/g, "  '$&' +\n")
    .slice(0, -3);
  return `// Made by tooling/build-wasm.mjs from ${name}.wat; do not edit.

/** WebAssembly binary of \`${name}.wat\`, base64. */
export const ${name}Wasm =
${base64};
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const source of sources) {
    const name = basename(source.pathname, '.wat');
    const bytes = await compileWat(name, readFileSync(source, 'utf8'));
    writeFileSync(new URL(`${name}.wasm.ts`, source), inlineSource(name, bytes));
    console.log(`${name}: ${bytes.length} bytes`);
  }
}
