import '@tensorflow/tfjs-backend-cpu';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '@diptych/nn';
import { testBackend } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cpuPlugin, reason } from '../test/cpu-plugin';
import { useXla, type XlaBackend } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-xla-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!cpuPlugin)(`on XLA's CPU plugin${reason}`, () => {
  let backend: XlaBackend;
  beforeAll(() => {
    backend = useXla({ plugin: cpuPlugin!, cache: false, forceNative: true });
  });
  beforeEach(() => {
    tf.setBackend('xla');
  });

  describe('the contract of backends', () => {
    testBackend({ describe, it }, 'holds', { backend: 'xla' });
  });

  it('computes what was recorded in one program, on the device until somebody reads', async () => {
    const { arrays } = backend.device.arrays;
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const y = tf.tidy(() => tf.sum(tf.relu(tf.sub(tf.matMul(x, x), 8)), 1));
    const before = backend.stats().compiler.compiled;
    expect(Array.from(await y.data())).toEqual([2, 21]);
    expect(backend.stats().compiler.compiled).toBe(before + 1);
    tf.dispose([x, y]);
    expect(backend.device.arrays.arrays).toBe(arrays);
  });

  it('falls back where there is no lowering, and counts', () => {
    const x = tf.tidy(() => tf.square(tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1])));
    const y = tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [1, 2]);
    expect(Array.from(y.dataSync())).toEqual([1, 4]);
    expect(backend.stats().kernels.ResizeNearestNeighbor).toEqual({ native: 0, fallback: 1 });
    tf.dispose([x, y]);
  });

  describe('compile', () => {
    const w = () => tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));

    it('keeps variables on the device, in the memory that they had', async () => {
      const weights = w();
      const step = compile((x: tf.Tensor) => {
        weights.assign(tf.add(weights, x));
        return tf.sum(weights);
      });
      const x = tf.tensor1d([1, 1, 1]);
      const sums = [];
      for (let i = 0; i < 5; i++) sums.push(step(x));
      expect(backend.entryOf(weights.dataId).value.isOnDeviceAlone).toBe(true);
      expect(await Promise.all(sums.map(async (sum) => (await sum.data())[0]))).toEqual([9, 12, 15, 18, 21]);
      const { bytes } = backend.device.arrays;
      step(x).dispose();
      expect(backend.device.arrays.bytes).toBe(bytes);
      expect(Array.from(await weights.data())).toEqual([7, 8, 9]);
      step.dispose();
      tf.dispose([weights, x, sums]);
    });

    it('leaves clones and arrays as they were', async () => {
      const weights = w();
      const step = compile(() => {
        weights.assign(tf.mul(weights, 2));
        return [];
      });
      step();
      const clone = tf.clone(weights);
      const pending = weights.data();
      step();
      expect(Array.from(await clone.data())).toEqual([2, 4, 6]);
      expect(Array.from(await pending)).toEqual([2, 4, 6]);
      expect(Array.from(await weights.data())).toEqual([4, 8, 12]);
      tf.tidy(() => weights.assign(tf.tensor1d([5, 5, 5])));
      step();
      expect(Array.from(weights.dataSync())).toEqual([10, 10, 10]);
      tf.dispose([weights, clone]);
      step.dispose();
    });

    it('reads tensors in another shape than they were made in, and a variable made of such', async () => {
      const flat = tf.tensor1d([1, 2, 3, 4, 5, 6]);
      const made = tf.tidy(() => tf.reshape(tf.square(flat), [2, 3]));
      const weights = tf.tidy(() => tf.variable(tf.reshape(flat, [3, 2])));
      const f = compile((a: tf.Tensor2D) => {
        weights.assign(tf.add(weights, 1));
        return tf.matMul(a, weights);
      });
      const y = f(made as tf.Tensor2D);
      expect(Array.from(await y.data())).toEqual([72, 86, 348, 425]);
      tf.dispose([flat, made, weights, y]);
      f.dispose();
    });

    it('holds what it closes over, and gives variables and arguments back as results of their own', async () => {
      const constant = tf.tidy(() => tf.exp(tf.zeros([4])));
      await constant.data();
      const weights = w();
      const f = compile((x: tf.Tensor) => [tf.add(x, constant), x, weights.clone()]);
      const x = tf.tensor1d([1, 2, 3, 4]);
      tf.dispose(f(x));
      constant.dispose();
      const [sum, same, clone] = f(x) as [tf.Tensor, tf.Tensor, tf.Tensor];
      x.dispose();
      expect(Array.from(await sum.data())).toEqual([2, 3, 4, 5]);
      expect(Array.from(await same.data())).toEqual([1, 2, 3, 4]);
      expect(Array.from(await clone.data())).toEqual([1, 2, 3]);
      tf.dispose([sum, same, clone, weights]);
      f.dispose();
    });

    it('refuses to read while recording, and names itself', () => {
      const f = compile((x: tf.Tensor) => x.dataSync());
      const x = tf.scalar(1);
      expect(() => f(x)).toThrow(/xla\.compile.*was read while recording/s);
      x.dispose();
    });
  });

  describe('the cache of programs on disk', () => {
    const run = async (cache: string) => {
      const own = useXla({ plugin: cpuPlugin!, cache, forceNative: true }, 'xla-cached');
      const x = tf.tensor1d([1, 2, 3]);
      expect(Array.from(await tf.tidy(() => tf.log(tf.add(tf.exp(x), 1))).data())[0]).toBeCloseTo(1.3133, 4);
      // it is written while the run goes on
      await vi.waitFor(() => {
        const { stored, loaded, notStored } = own.stats().compiler;
        if (stored + loaded === 0 && notStored === null) throw new Error('not written yet');
      }, 20_000);
      const { compiler } = own.stats();
      tf.removeBackend('xla-cached');
      return compiler;
    };

    it('gives a program back without compiling, and what is damaged there is compiled again', async () => {
      const first = await run(folder);
      if (first.notStored) return expect(first.notStored).toMatch(/UNIMPLEMENTED|serialize/i);
      expect(first).toMatchObject({ compiled: 1, loaded: 0 });
      expect(await run(folder)).toMatchObject({ compiled: 0, loaded: 1 });
      const [file] = readdirSync(folder).filter((name) => name.endsWith('.xla'));
      writeFileSync(join(folder, file!), 'no program');
      expect(await run(folder)).toMatchObject({ compiled: 1, loaded: 0 });
    });
  });

  it.each([
    [{ precision: 'f8' }, /xla\.precision.*'f32', 'tf32', 'bf16'/s],
    [{ device: 9 }, /xla\.device.*counted from 0/s],
    [{ plugin: 'cuda9' }, /cuda9/],
    [{ plugins: 'cpu' }, /plugins/],
  ])('refuses %j', (options, message) => {
    expect(() => useXla({ plugin: cpuPlugin!, ...options } as never)).toThrow(message);
    expect(tf.getBackend()).toBe('xla');
  });
});
