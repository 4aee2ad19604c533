import '@tensorflow/tfjs-backend-cpu';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDiptychError } from '@diptych/core';
import { writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ContractViolation } from '../check.js';
import {
  checkGolden,
  goldenFamily,
  goldenGradients,
  goldenTensor,
  goldenTolerance,
  openGolden,
  readGoldenJson,
} from './golden.js';

describe('golden reader', () => {
  let root = '';
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'diptych-golden-'));
    mkdirSync(join(root, 'toy'));
    writeFileSync(
      join(root, 'toy/meta.json'),
      JSON.stringify({ float32_error: { x: [1e-6, 4], 'grad.q.in_proj_bias': [0, 1e-9] } }),
    );
    await writeSafetensors(join(root, 'toy/case.safetensors'), {
      x: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      ids: { dtype: 'int32', shape: [1], data: Int32Array.of(3) },
      'grad.q.in_proj_bias': { dtype: 'float32', shape: [1], data: Float32Array.of(1e-9) },
    });
    vi.stubEnv('DIPTYCH_GOLDEN', root);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true });
  });

  it('finds families where DIPTYCH_GOLDEN says, else in the repository, else says so', () => {
    expect(goldenFamily('toy')).toBe(join(root, 'toy'));
    // a family that the set asked for does not repeat
    expect(goldenFamily('losses')).toMatch(/golden.losses$/);
    expect(() => goldenFamily('gone')).toThrow(/expected a folder .*gone.*set DIPTYCH_GOLDEN/);
    vi.stubEnv('DIPTYCH_GOLDEN', undefined);
    expect(goldenFamily('losses')).toMatch(/golden.losses$/);
    expect(() => goldenFamily('toy')).toThrow(/expected a folder/);
    vi.stubEnv('DIPTYCH_GOLDEN', root);
  });

  it('passes within the rule of the README and fails beyond it', () => {
    const file = openGolden('toy', 'case.safetensors');
    const { float32_error: float32Error } = readGoldenJson<{ float32_error: Record<string, [number, number]> }>('toy');
    const tolerance = goldenTolerance([1e-6, 4]);
    expect(tolerance).toBeCloseTo(1.4e-5, 12);
    const x = goldenTensor(file, 'x');
    checkGolden(file, 'x', x, { float32Error });
    checkGolden(file, 'x', tf.add(x, tolerance * 0.9), { float32Error });
    expect(() => checkGolden(file, 'x', [1, 2, 3, 4 + tolerance * 1.5], { float32Error })).toThrow(
      /case.safetensors, x: differs by .* at flat index 3 .*PyTorch 4\), allowed are 0.000014/,
    );
    expect(() => checkGolden(file, 'x', [1, 2, Number.NaN, 4], { float32Error })).toThrow(ContractViolation);
    expect(() => checkGolden(file, 'x', tf.reshape(x, [4]), { float32Error })).toThrow(
      /expected shape \[2,2\], got \[4\]/,
    );
    expect(() => checkGolden(file, 'x', [1], { float32Error })).toThrow(/expected 4 numbers, got 1/);
  });

  it('takes family tolerances, and noise for gradients that are zero by mathematics', () => {
    const file = openGolden('toy', 'case.safetensors');
    checkGolden(file, 'x', [1, 2, 3, 4.0003], { relative: 1e-4 });
    checkGolden(file, 'x', [1, 2, 3, 4.0003], { relative: 1e-4, float32Error: { x: [1e-6, 4] } });
    expect(() => checkGolden(file, 'x', [1, 2, 3, 4.0005], { relative: 1e-4 })).toThrow(ContractViolation);
    checkGolden(file, 'grad.q.in_proj_bias', [-9e-6], { relative: 1e-6 });
    expect(() => checkGolden(file, 'grad.q.in_proj_bias', [-2e-5], { relative: 1e-6 })).toThrow(ContractViolation);
    let error: unknown;
    try {
      checkGolden(file, 'ids', [3], {});
    } catch (caught) {
      error = caught;
    }
    expect(isDiptychError(error)).toBe(true);
  });

  it('gives the gradients of sum(output * r) by name', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const gradients = goldenGradients([['w', w]], () => tf.square(w), tf.tensor1d([1, -1]));
    expect(gradients.map(([name, gradient]) => [name, ...gradient.dataSync()])).toEqual([['w', 2, -4]]);
  });

  it('gives integers as int32', () => {
    const ids = goldenTensor(openGolden('toy', 'case.safetensors'), 'ids');
    expect([ids.dtype, ids.dataSync()[0]]).toEqual(['int32', 3]);
  });
});
