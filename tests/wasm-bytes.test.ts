import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileWat, inlineSource, sources } from '../tooling/build-wasm.mjs';

describe('inlined WebAssembly', () => {
  it.each(sources.map((source) => [basename(source.pathname), source] as const))(
    'of %s equals a fresh compile',
    async (file, source) => {
      const name = file.slice(0, -'.wat'.length);
      const bytes = await compileWat(file, readFileSync(source, 'utf8'));
      expect(readFileSync(new URL(`${name}.wasm.ts`, source), 'utf8')).toBe(inlineSource(name, bytes));
    },
  );
});
