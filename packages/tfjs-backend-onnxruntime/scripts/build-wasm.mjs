// Compiles src/wasm/*.wat and writes the bytes into src/wasm/*.wasm.ts, so that neither installs nor bundlers need a
// WebAssembly toolchain or an asset. Run after editing a .wat file; a test compares the bytes with a fresh compile.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import wabtInit from 'wabt';

const folder = new URL('../src/wasm/', import.meta.url);

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
  return `// Made by scripts/build-wasm.mjs from ${name}.wat; do not edit.

/** WebAssembly binary of \`${name}.wat\`, base64. */
export const ${name}Wasm =
${base64};
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.wat'))) {
    const name = file.slice(0, -'.wat'.length);
    const bytes = await compileWat(file, readFileSync(new URL(file, folder), 'utf8'));
    writeFileSync(new URL(`${name}.wasm.ts`, folder), inlineSource(name, bytes));
    console.log(`${name}: ${bytes.length} bytes`);
  }
}
