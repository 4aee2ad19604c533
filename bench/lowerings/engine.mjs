// The backend's model writer and session, bundled from the sources: they are not part of the package's public API.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('../../', import.meta.url);

/** `{ writeModel, createSession, hostValue, createPhiloxUniform }` of the onnxruntime backend. */
export async function loadEngine() {
  const outfile = fileURLToPath(new URL('.cache/bench/engine.mjs', root));
  mkdirSync(new URL('.cache/bench/', root), { recursive: true });
  const source = ['./onnx/index.ts', './ort/index.ts', '../../graph/src/engine/wasm/philox-uniform.ts']
    .map((file) => `export * from '${file}';`)
    .join('\n');
  await build({
    stdin: {
      contents: source,
      resolveDir: fileURLToPath(new URL('packages/tfjs-backend-onnxruntime/src/', root)),
      loader: 'ts',
    },
    alias: { '@diptych/core': fileURLToPath(new URL('packages/core/src/errors.ts', root)) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'error',
  });
  return import(new URL('.cache/bench/engine.mjs', root));
}
