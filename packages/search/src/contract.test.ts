import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testVectorStore } from '@diptych/testing';
import { afterAll, describe, it } from 'vitest';
import { openIndex } from './open-index.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-contract-'));
let made = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const precision of ['float32', 'float16', 'int8'] as const) {
  testVectorStore({ describe, it }, `ExactIndex in ${precision}`, {
    create: (embedDim) => openIndex(join(folder, String(made++)), { embedDim, precision, threads: 1 }),
    recall: precision === 'float32' ? 1 : 0.99,
  });
}
