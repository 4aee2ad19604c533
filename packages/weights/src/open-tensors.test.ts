import { WeightsError } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { encodeSafetensors } from './encode-safetensors.js';
import { memorySource } from './memory-source.js';
import { openTensors } from './open-tensors.js';
import { replaceTensors } from './replace-tensors.js';

const file = (...names: string[]) =>
  encodeSafetensors(
    Object.fromEntries(names.map((name, i) => [name, { dtype: 'float32', shape: [1], data: Float32Array.of(i) }])),
  );
const index = (weightMap: unknown) => JSON.stringify({ metadata: { total_size: 8 }, weight_map: weightMap });

describe('openTensors', () => {
  it('finds the usual file, or the only one', async () => {
    const source = memorySource({
      'model.safetensors': file('a'),
      'other.safetensors': file('b'),
      'x/y.safetensors': file('c'),
    });
    expect((await openTensors(source)).infos.has('a')).toBe(true);
    expect((await openTensors(source, { file: 'other.safetensors' })).infos.has('b')).toBe(true);
    expect((await openTensors(source, { folder: 'x' })).infos.has('c')).toBe(true);
    const ambiguous = memorySource({ 'a.safetensors': file('a'), 'b.safetensors': file('b') });
    await expect(openTensors(ambiguous)).rejects.toThrow(/one safetensors file, got a.safetensors, b.safetensors/);
  });

  it('never reads pickles, and says how to convert them', async () => {
    const source = memorySource({ 'config.json': '{}', 'pytorch_model.bin': 'PK' });
    await expect(openTensors(source)).rejects.toThrow(
      /got only pytorch_model.bin; convert it once in Python: .*weights_only=True/,
    );
    await expect(openTensors(memorySource({}))).rejects.toThrow(/expected a safetensors file, got no files/);
  });

  it('joins shards by their index', async () => {
    const shards = {
      'model-00001-of-00002.safetensors': file('a'),
      'model-00002-of-00002.safetensors': file('x', 'b'),
      'model.safetensors.index.json': index({
        a: 'model-00001-of-00002.safetensors',
        b: 'model-00002-of-00002.safetensors',
      }),
    };
    const tensors = await openTensors(memorySource(shards));
    expect([...tensors.infos.keys()]).toEqual(['a', 'b']);
    expect(tensors.read('b').data).toEqual(Float32Array.of(1));
    expect(tensors.metadata).toEqual({ total_size: '8' });
    expect(() => tensors.read('x')).toThrow(WeightsError);
  });

  it.each([
    ['no weight_map', '{}', /weight_map/],
    ['a number as file', index({ a: 1 }), /file name for tensor "a"/],
    ['a path out of the folder', index({ a: '../model.safetensors' }), /relative path/],
    ['a missing shard', index({ a: 'gone.safetensors' }), /none of gone.safetensors/],
    ['a tensor that is not there', index({ z: 'm.safetensors' }), /tensor "z" in m.safetensors/],
  ])('refuses an index with %s', async (_, text, message) => {
    const source = memorySource({ 'model.safetensors.index.json': text, 'm.safetensors': file('a') });
    await expect(openTensors(source)).rejects.toThrow(WeightsError);
    await expect(openTensors(source)).rejects.toThrow(message);
  });
});

describe('replaceTensors', () => {
  it('changes what it is told to and nothing else', async () => {
    const tensors = await openTensors(memorySource({ 'model.safetensors': file('a', 'b') }));
    const longer = { dtype: 'float32', shape: [2], data: Float32Array.of(7, 8) } as const;
    const replaced = replaceTensors(tensors, { b: longer });
    expect(replaced.read('b')).toBe(longer);
    expect(replaced.infos.get('b')).toEqual({ storedDtype: 'F32', shape: [2], byteLength: 8 });
    expect(replaced.read('a').data).toEqual(Float32Array.of(0));
    expect(tensors.read('b').data).toEqual(Float32Array.of(1));
    expect(() => replaceTensors(tensors, { c: longer })).toThrow(/a tensor "c" to replace/);
  });
});
