import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, WeightsError } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { eachFolder } from '../../../core/test/each-folder.js';
import { memorySource } from '../memory-source.js';
import { openTensors } from '../open-tensors.js';
import { readJson } from '../weight-source.js';
import { openSource } from './open-source.js';
import { writeSafetensors } from './write-safetensors.js';

describe('openSource', () => {
  let folder = '';
  eachFolder('source', (path) => {
    folder = path;
  });

  it('opens a folder', async () => {
    await writeSafetensors(join(folder, 'model.safetensors'), {
      w: { dtype: 'float32', shape: [], data: Float32Array.of(3) },
    });
    mkdirSync(join(folder, '1_Pooling'));
    writeFileSync(join(folder, '1_Pooling/config.json'), '{"a": 1}');
    symlinkSync('1_Pooling/config.json', join(folder, 'config.json'));
    const source = openSource(folder);
    expect(await source.list()).toEqual(['1_Pooling/config.json', 'config.json', 'model.safetensors']);
    expect(await readJson(source, 'config.json')).toEqual({ a: 1 });
    expect((await openTensors(source)).read('w').data).toEqual(Float32Array.of(3));
    await expect(source.read('gone.json')).rejects.toThrow(/a file gone.json, got 1_Pooling\/config.json, config.json/);
    await expect(source.openTensors('gone.safetensors')).rejects.toThrow(/a file gone.safetensors/);
    for (const path of ['../x', '/etc/passwd', 'a//b', '', 'a\\b']) {
      await expect(source.read(path)).rejects.toThrow(WeightsError);
      await expect(source.openTensors(path)).rejects.toThrow(WeightsError);
    }
  });

  it('takes ids and sources, and tells paths from ids', () => {
    const source = memorySource({});
    expect(openSource(source)).toBe(source);
    expect(openSource('timm/resnet50.tv_in1k').name).toBe('timm/resnet50.tv_in1k@main');
    expect(openSource('bert-base-uncased', { revision: 'v1' }).name).toBe('bert-base-uncased@v1');
    expect(() => openSource('./gone')).toThrow(/a folder with a model/);
    expect(() => openSource('/gone/model')).toThrow(WeightsError);
    expect(() => openSource('a/b/c')).toThrow(ConfigError);
  });
});
