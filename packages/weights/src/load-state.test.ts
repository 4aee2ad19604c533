import '@tensorflow/tfjs-backend-cpu';
import { isDiptychError, type Stateful, WeightsError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { selectPrefix } from './adapter.js';
import { encodeSafetensors } from './encode-safetensors.js';
import type { LoadStateError } from './load-report.js';
import { loadState } from './load-state.js';
import { parseSafetensors } from './safetensors.js';
import { stateDict } from './state-dict.js';
import type { TensorData } from './tensor-collection.js';

/** A part with the given parameters and buffers, all zero. */
function part(parameters: Record<string, number[]>, buffers: Record<string, number[]> = {}): Stateful {
  const make = (shapes: Record<string, number[]>, trainable: boolean) =>
    Object.entries(shapes).map(([name, shape]): [string, tf.Variable] => [
      name,
      tf.tidy(() => tf.variable(tf.zeros(shape, name.endsWith('ids') ? 'int32' : 'float32'), trainable)),
    ]);
  const [owned, kept] = [make(parameters, true), make(buffers, false)];
  return {
    namedParameters: () => owned,
    namedBuffers: () => kept,
    dispose: () => {
      for (const [, variable] of [...owned, ...kept]) variable.dispose();
    },
  };
}

const floats = (shape: number[], start = 1): TensorData => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => start + i),
});
const values = async (target: Stateful, name: string) => Array.from((await stateDict(target)).get(name)!.data);

describe('loadState', () => {
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(before);
  });

  it('writes parameters and buffers into the same variables', async () => {
    const target = part({ 'fc.weight': [2, 3] }, { 'bn.running_mean': [2], 'pos.ids': [2] });
    const [[, variable]] = [...target.namedParameters()] as [[string, tf.Variable]];
    const report = loadState(target, {
      'fc.weight': floats([2, 3]),
      'bn.running_mean': floats([2], 7),
      'pos.ids': { dtype: 'int32', shape: [2], data: Int32Array.of(4, 5) },
      'bn.num_batches_tracked': { dtype: 'int32', shape: [], data: Int32Array.of(9) },
    });
    expect(report.complete).toBe(true);
    expect(report.loaded.map(({ name }) => name)).toEqual(['fc.weight', 'bn.running_mean', 'pos.ids']);
    expect(report.ignored).toEqual(['bn.num_batches_tracked']);
    expect(Array.from(variable.dataSync())).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await values(target, 'bn.running_mean')).toEqual([7, 8]);
    expect(await values(target, 'pos.ids')).toEqual([4, 5]);
    target.dispose();
  });

  it('shares no memory with the arrays it was given, nor stateDict with the model', async () => {
    const target = part({ w: [2] });
    const given = floats([2]);
    loadState(target, { w: given });
    given.data[0] = 100;
    const state = await stateDict(target);
    state.get('w')!.data[1] = 100;
    expect(await values(target, 'w')).toEqual([1, 2]);

    const bytes = encodeSafetensors({ w: floats([2], 5) });
    loadState(target, parseSafetensors(bytes));
    bytes.fill(0);
    expect(await values(target, 'w')).toEqual([5, 6]);
    target.dispose();
  });

  it('throws a table of what does not fit, before it writes anything', async () => {
    const target = part({ 'fc.weight': [2, 3], 'fc.bias': [2], 'norm.weight': [3] });
    const tensors = { 'fc.weight': floats([1000, 3]), 'fc.bias': floats([2]), 'norm.gamma': floats([3]) };
    let error: unknown;
    try {
      loadState(target, tensors);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(WeightsError);
    expect(isDiptychError(error)).toBe(true);
    const { report, message } = error as LoadStateError;
    expect(report.mismatched).toEqual([
      { name: 'fc.weight', from: ['fc.weight'], expected: '[2,3] float32', got: '[1000,3] float32' },
    ]);
    expect(report.missing).toEqual([{ name: 'norm.weight', shape: [3] }]);
    expect(report.unexpected).toEqual([{ name: 'norm.gamma', shape: [3] }]);
    expect(String(report)).toBe(
      [
        'tensors: 1 tensor loaded, 1 missing, 1 unexpected, 1 mismatched',
        '  status      tensor       model          checkpoint',
        '  mismatched  fc.weight    [2,3] float32  [1000,3] float32',
        '  missing     norm.weight  [3]            -',
        '  unexpected  norm.gamma   -              [3]',
      ].join('\n'),
    );
    expect(message).toContain(String(report));
    expect(await values(target, 'fc.bias')).toEqual([0, 0]);

    expect(loadState(target, tensors, { strict: false }).loaded).toHaveLength(1);
    expect(await values(target, 'fc.bias')).toEqual([1, 2]);
    target.dispose();
  });

  it('keeps long messages readable', () => {
    const target = part({});
    const tensors = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`layer.${i}`, floats([1])]));
    expect(() => loadState(target, tensors)).toThrow(/… and 80 more/);
  });

  it('lists new heads with both shapes, and loads them where they fit', async () => {
    const target = part({ 'fc.weight': [2, 3], 'projection.weight': [2, 2] });
    const fresh = [/^fc\./, /^projection\./];
    const report = loadState(target, { 'fc.weight': floats([1000, 3]) }, { fresh });
    expect(report.complete).toBe(true);
    expect(report.fresh).toEqual([
      { name: 'fc.weight', shape: [2, 3], checkpoint: '[1000,3] float32' },
      { name: 'projection.weight', shape: [2, 2] },
    ]);
    expect(String(report)).toMatch(/fresh {3}fc\.weight +\[2,3\] +\[1000,3\]/);
    const all = { 'fc.weight': floats([2, 3]), 'projection.weight': floats([2, 2]) };
    expect(loadState(target, all, { fresh }).fresh).toEqual([]);
    target.dispose();
  });

  it('lets axes of size one differ, but not order or dtype', async () => {
    const target = part({ token: [1, 1, 3], scale: [], matrix: [2, 3] });
    const good = { token: floats([3]), scale: floats([1], 9), matrix: floats([2, 3, 1, 1]) };
    expect(loadState(target, good).complete).toBe(true);
    expect(await values(target, 'scale')).toEqual([9]);
    expect(() => loadState(target, { ...good, matrix: floats([3, 2]) })).toThrow(/\[2,3\] float32 +\[3,2\] float32/);
    const wrongType = { dtype: 'int32', shape: [2, 3], data: new Int32Array(6) } as const;
    expect(() => loadState(target, { ...good, matrix: wrongType })).toThrow(/\[2,3\] float32 +\[2,3\] int32/);
    target.dispose();
  });

  it('splits, joins and transposes by the adapter', async () => {
    const split = part({ 'q.weight': [2, 2], 'k.weight': [2, 2], 'v.weight': [2, 2] });
    const joined = { 'attn.in_proj_weight': floats([6, 2]) };
    const toParts = {
      rules: [{ from: /^attn\.in_proj_weight$/, to: ['q.weight', 'k.weight', 'v.weight'] }],
    };
    loadState(split, joined, { adapter: toParts });
    expect(await values(split, 'k.weight')).toEqual([5, 6, 7, 8]);

    const whole = part({ 'attn.in_proj_weight': [6, 2] });
    const toWhole = {
      rules: ['q', 'k', 'v'].map((letter, index) => ({
        from: new RegExp(`^${letter}\\.weight$`),
        to: 'attn.in_proj_weight',
        part: { index, of: 3 },
      })),
    };
    const parts = await stateDict(split);
    const shuffled = new Map([...parts].reverse());
    const report = loadState(whole, shuffled, { adapter: toWhole });
    expect(report.loaded).toEqual([{ name: 'attn.in_proj_weight', from: ['q.weight', 'k.weight', 'v.weight'] }]);
    expect(await values(whole, 'attn.in_proj_weight')).toEqual(Array.from(floats([6, 2]).data));

    shuffled.delete('k.weight');
    expect(() => loadState(whole, shuffled, { adapter: toWhole })).toThrow(
      /parts that do not join: q.weight, v.weight/,
    );
    expect(() => loadState(split, { 'attn.in_proj_weight': floats([7, 2]) }, { adapter: toParts })).toThrow(
      /do not join/,
    );

    const turned = part({ proj: [3, 2] });
    const transpose = { rules: [{ from: /^projection$/, to: 'proj', transpose: true }] };
    loadState(turned, { projection: floats([2, 3]) }, { adapter: transpose });
    expect(await values(turned, 'proj')).toEqual([1, 4, 2, 5, 3, 6]);
    for (const target of [split, whole, turned]) target.dispose();
  });

  it('takes one tower of two, and refuses two tensors for one place', () => {
    const target = part({ 'conv.weight': [2] });
    const tensors = { 'vision_model.conv.weight': floats([2]), 'text_model.x': floats([1]) };
    const report = loadState(target, tensors, { adapter: selectPrefix('vision_model.') });
    expect(report.ignored).toEqual(['text_model.x']);
    const both = { 'conv.weight': floats([2]), 'vision_model.conv.weight': floats([2]) };
    const adapter = { rules: [{ from: /^vision_model\./, to: '' }] };
    expect(() => loadState(target, both, { adapter })).toThrow(
      /both "conv.weight" and "vision_model.conv.weight" become/,
    );
    target.dispose();
  });
});
