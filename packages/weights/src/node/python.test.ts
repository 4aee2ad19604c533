import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TensorData } from '../tensor-collection.js';
import { openSafetensors } from './open-safetensors.js';
import { writeSafetensors } from './write-safetensors.js';

/** A Python with torch and safetensors: DIPTYCH_PYTHON, the repository's own, or the system's. */
const python = [
  process.env.DIPTYCH_PYTHON,
  resolve(import.meta.dirname, '../../../../.cache/venv/bin/python'),
  'python3',
].find((path) => path && spawnSync(path, ['-c', 'import torch, safetensors']).status === 0);

function run(code: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(python!, ['-c', code, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

describe.skipIf(!python)(
  'safetensors of Python (skipped where there is no Python with torch; set DIPTYCH_PYTHON)',
  () => {
    let folder = '';
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'diptych-python-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it('loads what is written here, under the same names', async () => {
      const tensors: Record<string, TensorData> = {
        'layer1.0.conv1.weight': { dtype: 'float32', shape: [2, 3, 1, 1], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
        ids: { dtype: 'int32', shape: [2], data: Int32Array.of(-1, 2) },
        mask: { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
        scale: { dtype: 'float32', shape: [], data: Float32Array.of(2.5) },
      };
      const load = `
import json, sys, torch
from safetensors.torch import load_file
print(json.dumps({k: [str(v.dtype), list(v.shape), v.double().flatten().tolist()] for k, v in load_file(sys.argv[1]).items()}))`;
      const path = join(folder, 'ours.safetensors');
      for (const [floats, dtype] of [
        ['F32', 'torch.float32'],
        ['F16', 'torch.float16'],
        ['BF16', 'torch.bfloat16'],
      ] as const) {
        await writeSafetensors(path, tensors, { floats, metadata: { format: 'pt', note: 'ü' } });
        expect(JSON.parse(run(load, path))).toEqual({
          'layer1.0.conv1.weight': [dtype, [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]],
          ids: ['torch.int32', [2], [-1, 2]],
          mask: ['torch.bool', [2], [1, 0]],
          scale: [dtype, [], [2.5]],
        });
      }
    }, 120_000);

    it('is read here with every dtype, and rounds to half precision alike', async () => {
      const path = join(folder, 'theirs.safetensors');
      run(
        `
import sys, torch
from safetensors.torch import save_file
torch.manual_seed(0)
x = torch.cat([torch.randn(5000) * 10.0 ** torch.randint(-9, 5, (5000,)), torch.tensor([0.0, -0.0, 65504.0, 65519.9, 65520.0, 1e-8])])
save_file({
  'x': x, 'half': x.half(), 'brain': x.bfloat16(), 'double': x.double(),
  'i64': torch.tensor([-5, 2**31 - 1]), 'i16': torch.tensor([-300], dtype=torch.int16), 'i8': torch.tensor([-3], dtype=torch.int8),
  'u8': torch.tensor([200], dtype=torch.uint8), 'bool': torch.tensor([True, False]), 'f8': torch.tensor([1.0]).to(torch.float8_e4m3fn),
}, sys.argv[1], metadata={'from': 'python'})`,
        path,
      );
      const theirs = openSafetensors(path);
      expect(theirs.metadata).toEqual({ from: 'python' });
      expect(theirs.read('i64').data).toEqual(Int32Array.of(-5, 2 ** 31 - 1));
      expect(theirs.read('i16').data).toEqual(Int32Array.of(-300));
      expect(theirs.read('i8').data).toEqual(Int32Array.of(-3));
      expect(theirs.read('u8').data).toEqual(Uint8Array.of(200));
      expect(theirs.read('bool').data).toEqual(Uint8Array.of(1, 0));
      expect(() => theirs.read('f8')).toThrow(/F8_E4M3 cannot be read/);
      const x = theirs.read('x');
      expect(theirs.read('double')).toEqual(x);
      for (const [floats, name] of [
        ['F16', 'half'],
        ['BF16', 'brain'],
      ] as const) {
        const copy = join(folder, `${name}.safetensors`);
        await writeSafetensors(copy, { x }, { floats });
        expect(openSafetensors(copy).read('x')).toEqual(theirs.read(name));
      }
    }, 120_000);
  },
);
