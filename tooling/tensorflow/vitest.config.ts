import { resolve } from 'node:path';
import { mergeConfig } from 'vitest/config';
import golden from '../../vitest.golden.config.ts';

/** The golden families and this folder's tests, on TensorFlow. */
export default mergeConfig(golden, {
  test: {
    root: resolve(import.meta.dirname, '../..'),
    include: ['tooling/tensorflow/*.test.ts', 'packages/*/golden/**/*.golden.test.ts'],
    setupFiles: [resolve(import.meta.dirname, 'setup.mjs')],
    env: { DIPTYCH_BACKENDS: 'tensorflow', TF_CPP_MIN_LOG_LEVEL: '2' },
  },
});
