import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from './write-safetensors.js';

const TENSORS = 100;
const SIZE = 512 * 512;
const BYTES = TENSORS * SIZE * 4;

/** Loads the file in a process of its own, and prints time and memory. */
const PROGRAM = `
  import '@tensorflow/tfjs-backend-cpu';
  import * as tf from '@tensorflow/tfjs-core';
  import { loadState } from '../load-state.js';
  import { openSafetensors } from './open-safetensors.js';
  const path = process.argv[2];
  const variables = [...openSafetensors(path).infos.keys()].map((name) => [
    name,
    tf.tidy(() => tf.variable(tf.zeros([512, 512]))),
  ]);
  const model = { namedParameters: () => variables, namedBuffers: () => [], dispose: () => {} };
  const before = process.memoryUsage().rss;
  const start = performance.now();
  loadState(model, openSafetensors(path));
  const seconds = (performance.now() - start) / 1000;
  const peak = process.resourceUsage().maxRSS * 1024;
  const sum = tf.sum(variables[7][1]).dataSync()[0];
  console.log(JSON.stringify({ seconds, growth: peak - before, sum }));
`;

describe('a checkpoint of 105 MB', () => {
  let folder = '';
  let program = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'diptych-large-'));
    program = join(folder, 'load.cjs');
    await build({
      stdin: { contents: PROGRAM, resolveDir: import.meta.dirname },
      alias: {
        '@diptych/core/node': resolve(import.meta.dirname, '../../../core/src/node/index.ts'),
        '@diptych/core': resolve(import.meta.dirname, '../../../core/src/index.ts'),
      },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: program,
      // The Node build of tfjs-backend-cpu is not among the files that its package says have side effects.
      ignoreAnnotations: true,
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['F32', 'F16', 'BF16'] as const)(
    'stored as %s costs at most 1.3 times its float32 values',
    async (floats) => {
      const path = join(folder, `${floats}.safetensors`);
      const data = Float32Array.from({ length: SIZE }, (_, i) => (i % 2 ? 0.5 : 1.5));
      const tensors = Array.from(
        { length: TENSORS },
        (_, i) => [`layer.${i}.weight`, { dtype: 'float32', shape: [512, 512], data }] as const,
      );
      await writeSafetensors(path, new Map(tensors), { floats });
      const { stdout } = await promisify(execFile)(process.execPath, [program, path]);
      const { seconds, growth, sum } = JSON.parse(stdout.trim().split('\n').at(-1)!);
      expect(sum).toBe(SIZE);
      expect(growth / BYTES).toBeLessThan(1.3);
      // Half a second is the goal, measured on an idle machine; a busy one takes many times as long.
      expect(seconds).toBeLessThan(10);
    },
  );
});
