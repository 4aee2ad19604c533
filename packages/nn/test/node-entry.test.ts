import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

// tfjs-core registers no gradients in plain Node, and vitest hides that, since it bundles tfjs-core itself. So this runs
// the built package in a process of its own.
const folder = resolve(import.meta.dirname, '..');
const isBuilt = ['nn', 'core'].every((name) => existsSync(resolve(folder, `../${name}/dist/index.js`)));

function runNode(program: string, type: 'module' | 'commonjs' = 'module'): string {
  const options = { cwd: folder, encoding: 'utf8', stdio: 'pipe' } as const;
  return execFileSync(process.execPath, [`--input-type=${type}`, '--eval', program], options).trim();
}

describe.skipIf(!isBuilt)('the built package in plain Node', () => {
  const program = `
    const layer = new nn.Linear(2, 1, { generator: new nn.Generator(1), bias: false });
    const { grads } = tf.variableGrads(() => tf.sum(nn.gelu(layer.forward(tf.tensor2d([[3, 4]])))));
    const gradient = grads[layer.weight.name].dataSync();
    console.log(typeof tf.getGradient('Abs'), (gradient[1] / gradient[0]).toFixed(5));
  `;
  const expected = 'object 1.33333';

  it('computes gradients after import', () => {
    const imports = `
      import * as tf from '@tensorflow/tfjs-core';
      import '@tensorflow/tfjs-backend-cpu';
      import * as nn from '@diptych/nn';`;
    expect(runNode(imports + program)).toBe(expected);
  });

  it('computes gradients after require', () => {
    const requires = `
      const tf = require('@tensorflow/tfjs-core');
      require('@tensorflow/tfjs-backend-cpu');
      const nn = require('@diptych/nn');`;
    expect(runNode(requires + program, 'commonjs')).toBe(expected);
  });

  it('is one module for import and require', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { Module } from '@diptych/nn';
      console.log(createRequire(import.meta.url)('@diptych/nn').Module === Module);`;
    expect(runNode(program)).toBe('true');
  });
});
