import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '@diptych/graph';
import { findPlugin, Plugin, type Topology } from '@diptych/pjrt';
import { type LowerOptions, lowerProgram } from '../src/lowering/index';
import { CACHE } from './cpu-plugin';

/** The GPU that programs are compiled for as well, by the name of its description in @diptych/pjrt: `h200`. */
const gpu = process.env.DIPTYCH_XLA_COMPILE_FOR;

let topology: Promise<Topology> | undefined;
const compiled = new Set<string>();

/** With DIPTYCH_XLA_COMPILE_FOR (`npm run check:cuda`), sees that the compiler for GPUs takes what the tests run on CPUs. */
export async function compileForGpu(program: Program, options: Partial<LowerOptions>): Promise<void> {
  if (!gpu) return;
  const path = findPlugin('cuda13', { cache: CACHE, env: {} });
  if (path === undefined)
    throw new Error('no compiler: npx diptych-pjrt install cuda13 --compile-only --cache .cache/pjrt');
  const plugin = Plugin.load(path);
  const target_config = readFileSync(join(import.meta.dirname, `../../pjrt/src/__fixtures__/${gpu}.txtpb`), 'utf8');
  topology ??= plugin.createTopology({ target_config, topology: '1x1x1' });
  for (const precision of ['f32', 'bf16'] as const) {
    const { text } = lowerProgram(program, { ...options, platform: 'cuda', precision });
    if (compiled.has(text)) continue;
    compiled.add(text);
    const executable = await plugin.compileFor(await topology, text).catch((error: Error) => {
      throw new Error(`for ${gpu} in ${precision}: ${error.message}\n${text.slice(0, 4000)}`);
    });
    executable.dispose();
  }
}
