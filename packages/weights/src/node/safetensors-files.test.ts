import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightsError } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../encode-safetensors.js';
import type { TensorData } from '../tensor-collection.js';
import { openSafetensors } from './open-safetensors.js';
import { writeSafetensors } from './write-safetensors.js';

const tensors: Record<string, TensorData> = {
  a: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  b: { dtype: 'int32', shape: [3], data: Int32Array.of(5, 6, 7) },
};

describe('safetensors files', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'diptych-weights-'));
    path = join(folder, 'model.safetensors');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('writes and reads the same bytes as in memory', async () => {
    await writeSafetensors(path, tensors);
    expect(new Uint8Array(readFileSync(path))).toEqual(encodeSafetensors(tensors));
    const opened = openSafetensors(path);
    expect(opened.read('a')).toEqual(tensors.a);
    expect(opened.read('b')).toEqual(tensors.b);
    expect(opened.name).toBe(path);
  });

  it('gives each tensor its own memory', async () => {
    await writeSafetensors(path, tensors);
    const { data } = openSafetensors(path).read('a');
    expect(data.buffer.byteLength).toBe(16);
  });

  it('keeps the old file when writing fails, and leaves nothing behind', async () => {
    await writeSafetensors(path, tensors);
    const before = readFileSync(path);
    function* breaking() {
      yield new Uint8Array(100);
      throw new Error('disk on fire');
    }
    await expect(writeFileAtomically(path, breaking())).rejects.toThrow('disk on fire');
    const wrong = { a: { dtype: 'float32', shape: [9], data: new Float32Array(1) } } as const;
    await expect(writeSafetensors(path, wrong)).rejects.toThrow(WeightsError);
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  it('replaces a file that is open elsewhere; the reader of the old one is told', async () => {
    await writeSafetensors(path, tensors);
    const opened = openSafetensors(path);
    await writeSafetensors(path, { a: tensors.a! });
    expect(() => opened.read('a')).toThrow(/replaced or changed after it was opened; open it again/);
    expect(openSafetensors(path).infos.size).toBe(1);
  });

  it('copies a file that is open, converting on the way', async () => {
    await writeSafetensors(path, tensors);
    const copy = join(folder, 'half.safetensors');
    await writeSafetensors(copy, openSafetensors(path), { floats: 'F16' });
    expect(openSafetensors(copy).read('a')).toEqual(tensors.a);
  });

  it('follows symbolic links, as the hub cache has them', async () => {
    await writeSafetensors(path, tensors);
    const blob = join(folder, 'blob');
    renameSync(path, blob);
    symlinkSync('blob', path);
    expect(openSafetensors(path).read('b')).toEqual(tensors.b);
  });

  it('refuses what is missing, a folder, a pickle, a truncated file', () => {
    expect(() => openSafetensors(path)).toThrow(/no such file/);
    expect(() => openSafetensors(folder)).toThrow(/not a file/);
    const pickle = join(folder, 'pytorch_model.bin');
    writeFileSync(pickle, 'PK\x03\x04 and so on, long enough');
    expect(() => openSafetensors(pickle)).toThrow(/got a PyTorch pickle; convert it once in Python/);
    writeFileSync(path, encodeSafetensors(tensors).subarray(0, -1));
    expect(() => openSafetensors(path)).toThrow(/need 28 bytes of data, the file has 27/);
    writeFileSync(path, new Uint8Array(3));
    expect(() => openSafetensors(path)).toThrow(/at least 8 bytes, got 3/);
  });
});
