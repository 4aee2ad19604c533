// Runs what depends on a backend on TensorFlow itself: tfjs-node, built in .cache/tfjs-node (docs/tensorflow.md).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './packages.mjs';
import { buildTfjsNode } from './tensorflow/build.mjs';
import { TFJS_NODE } from './tensorflow/tfjs-node.mjs';

console.log(`tfjs-node: ${buildTfjsNode(TFJS_NODE)}`);

const runs = mkdtempSync(join(tmpdir(), 'tensorflow-'));
const load = join(root, 'tooling/tensorflow/load.mjs');
const job = [
  join(root, 'packages/cli/bin/diptych.js'),
  'train',
  '--config',
  join(root, 'apps/example/diptych.config.ts'),
];
const stages = {
  'contract, golden families, training steps': [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(root, 'tooling/tensorflow/vitest.config.ts'),
  ],
  example: ['--import', load, ...job, '--quick', '--backend', 'tensorflow', '--runs', runs],
};

const failed = Object.entries(stages).filter(([name, args]) => {
  console.log(`==> ${name}`);
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status !== 0;
});
rmSync(runs, { recursive: true });
console.log(`${Object.keys(stages).length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
