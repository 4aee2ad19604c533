import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compileWat, inlineSource } from '../../scripts/build-wasm.mjs';

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
const sources = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.wat'));

describe('inlined WebAssembly', () => {
  it('has the two kernels', () => {
    expect(sources.sort()).toEqual(['adamw.wat', 'philox.wat']);
  });

  it.each(sources)('of %s equals a fresh compile', async (file) => {
    const name = file.slice(0, -'.wat'.length);
    expect(read(`${name}.wasm.ts`)).toBe(inlineSource(name, await compileWat(file, read(file))));
  });
});
