import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eachFolder } from '../../../core/test/each-folder.js';
import { openTensors } from '../open-tensors.js';
import type { TensorData } from '../tensor-collection.js';
import { folderSource } from './folder-source.js';
import { writeSharded } from './write-sharded.js';

const tensor = (size: number, first: number): TensorData => ({
  dtype: 'float32',
  shape: [size],
  data: Float32Array.from({ length: size }, (_, i) => first + i),
});
const tensors = { a: tensor(10, 0), b: tensor(10, 100), large: tensor(100, 200), c: tensor(5, 300) };

describe('writeSharded', () => {
  let folder = '';
  eachFolder('shards', (path) => {
    folder = path;
  });

  it('writes one file where that is enough', async () => {
    expect(await writeSharded(folder, tensors)).toEqual(['model.safetensors']);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  it('spreads a checkpoint over files that openTensors joins again', async () => {
    const files = await writeSharded(folder, tensors, { maxShardBytes: 80 });
    expect(files).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
      'model.safetensors.index.json',
    ]);
    const joined = await openTensors(folderSource(folder));
    expect([...joined.infos.keys()]).toEqual(['a', 'b', 'large', 'c']);
    expect(joined.metadata).toEqual({ total_size: '500' });
    for (const [name, expected] of Object.entries(tensors)) expect(joined.read(name)).toEqual(expected);
    const again = mkdtempSync(join(tmpdir(), 'diptych-shards-'));
    await writeSharded(again, joined, { maxShardBytes: 1e6, floats: 'BF16' });
    expect((await openTensors(folderSource(again))).infos.get('large')!.storedDtype).toBe('BF16');
    await writeSharded(again, joined, { maxShardBytes: 80, floats: 'F16' });
    expect((await openTensors(folderSource(again), { file: 'model.safetensors.index.json' })).metadata.total_size).toBe(
      '250',
    );
    rmSync(again, { recursive: true });
  });
});
