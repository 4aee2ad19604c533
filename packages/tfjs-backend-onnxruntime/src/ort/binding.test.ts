import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDiptychError } from '@diptych/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OnnxGraph } from '../onnx/graph.js';
import { writeModel } from '../onnx/write-model.js';
import { createSession, type OrtSession, openBinding, probeOrt } from './binding.js';
import { channelBlock } from './channel-block.js';
import type { OrtError } from './ort-error.js';
import { hostValue } from './ort-value.js';

/** c = a + b over `[n, 4]`. */
const addGraph: OnnxGraph = {
  nodes: [{ opType: 'Add', inputs: ['a', 'b'], outputs: ['c'], attributes: {}, name: 'sum' }],
  inputs: [
    { name: 'a', dtype: 'float32', shape: ['n', 4] },
    { name: 'b', dtype: 'float32', shape: ['n', 4] },
  ],
  outputs: [{ name: 'c', dtype: 'float32', shape: ['n', 4] }],
  initializers: [],
};

const floats = (...values: number[]) => Float32Array.from(values);
const value = (data: Float32Array, dims = [data.length / 4, 4]) => hostValue('float32', data, dims);

function failure(act: () => unknown): OrtError {
  try {
    act();
  } catch (error) {
    expect(isDiptychError(error)).toBe(true);
    return error as OrtError;
  }
  throw new Error('expected an error');
}

const residentBytes = () => {
  globalThis.gc?.();
  return process.memoryUsage().rss;
};

describe('createSession on the pinned onnxruntime-node', () => {
  let session: OrtSession;
  beforeAll(() => {
    session = createSession(writeModel(addGraph));
  });
  afterAll(() => session.dispose());

  it('declares inputs and outputs with symbolic dimensions', () => {
    expect(session.inputs).toEqual([
      { name: 'a', dtype: 'float32', shape: ['n', 4] },
      { name: 'b', dtype: 'float32', shape: ['n', 4] },
    ]);
    expect(session.outputs).toEqual([{ name: 'c', dtype: 'float32', shape: ['n', 4] }]);
  });

  it('allocates outputs whose fetch is null', () => {
    const { c } = session.run({ a: value(floats(1, 2, 3, 4)), b: value(floats(10, 20, 30, 40)) }, { c: null });
    expect(c!.dims).toEqual([1, 4]);
    expect(c!.data).toEqual(floats(11, 22, 33, 44));
  });

  it('reads and writes views at an offset of a larger buffer', () => {
    const input = new Float32Array(100).fill(-1);
    input.set([1, 2, 3, 4], 7);
    const output = new Float32Array(100).fill(-1);
    const fetch = value(output.subarray(3, 7));
    const result = session.run({ a: value(input.subarray(7, 11)), b: value(floats(1, 1, 1, 1)) }, { c: fetch });
    expect(result.c).toBe(fetch);
    expect([...output.subarray(2, 8)]).toEqual([-1, 2, 3, 4, 5, -1]);
  });

  it('reads and writes WebAssembly.Memory, also after other sessions ran', () => {
    const memory = new WebAssembly.Memory({ initial: 2 });
    const input = new Float32Array(memory.buffer, 16, 4);
    const output = new Float32Array(memory.buffer, 65536, 4);
    input.set([1, 2, 3, 4]);
    const feeds = { a: value(input), b: value(input) };
    const fetches = { c: value(output) };
    for (let run = 0; run < 3; run++) {
      output.fill(0);
      session.run(feeds, fetches);
      expect([...output]).toEqual([2, 4, 6, 8]);
    }
  });

  it('may write an output over its own input', () => {
    const state = value(floats(1, 2, 3, 4));
    session.run({ a: state, b: value(floats(1, 1, 1, 1)) }, { c: state });
    expect(state.data).toEqual(floats(2, 3, 4, 5));
  });

  it('refuses shared memory, which the native side does not read', () => {
    const shared = new Float32Array(new SharedArrayBuffer(16));
    expect(failure(() => value(shared))).toMatchObject({ code: 'engine', failure: 'shape' });
  });

  it('refuses data that does not fit its shape', () => {
    const error = failure(() => hostValue('int32', floats(1, 2), [2]));
    expect(error.message).toContain('Int32Array of 2 elements for int32 [2]');
  });

  it('names inputs and shapes when ONNX Runtime rejects them, and works afterwards', () => {
    const a = value(floats(1, 2, 3, 4));
    const wrong = failure(() => session.run({ a, b: hostValue('float32', floats(1, 2, 3), [1, 3]) }, { c: null }));
    expect(wrong).toMatchObject({ code: 'engine', failure: 'shape' });
    expect(wrong.message).toContain('b: float32 [1,3]');
    const conflict = failure(() =>
      session.run({ a, b: value(new Float32Array(8)) }, { c: value(new Float32Array(12)) }),
    );
    expect(conflict.code).toBe('engine');
    expect(session.run({ a, b: a }, { c: null }).c!.data).toEqual(floats(2, 4, 6, 8));
  });

  it('names operator and node of a failure inside the graph', () => {
    const reshape = createSession(
      writeModel({
        ...addGraph,
        nodes: [{ opType: 'Reshape', inputs: ['a', 'b'], outputs: ['c'], attributes: {}, name: 'flatten' }],
        inputs: [addGraph.inputs[0]!, { name: 'b', dtype: 'int64', shape: [1] }],
        outputs: [{ name: 'c', dtype: 'float32', shape: ['m'] }],
      }),
    );
    const feeds = { a: value(floats(1, 2, 3, 4)), b: hostValue('int64', BigInt64Array.of(3n), [1]) };
    const error = failure(() => reshape.run(feeds, { c: null }));
    expect(error).toMatchObject({ failure: 'shape', opType: 'Reshape', node: 'flatten' });
    reshape.dispose();
  });

  it('reports memory that grew away under a value', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const stale = value(new Float32Array(memory.buffer, 0, 4));
    memory.grow(1);
    const error = failure(() => session.run({ a: stale, b: value(floats(1, 1, 1, 1)) }, { c: null }));
    expect(error.message).toContain('detached');
  });

  it('reports an allocation that no machine can make', () => {
    const tile = createSession(
      writeModel({
        ...addGraph,
        nodes: [{ opType: 'Expand', inputs: ['a', 'b'], outputs: ['c'], attributes: {} }],
        inputs: [
          { name: 'a', dtype: 'float32', shape: [1] },
          { name: 'b', dtype: 'int64', shape: [1] },
        ],
        outputs: [{ name: 'c', dtype: 'float32', shape: ['m'] }],
      }),
    );
    const feed = (n: bigint) => ({
      a: hostValue('float32', floats(1), [1]),
      b: hostValue('int64', BigInt64Array.of(n), [1]),
    });
    expect(failure(() => tile.run(feed(2n ** 45n), { c: null }))).toMatchObject({
      failure: 'memory',
      opType: 'Expand',
    });
    expect(tile.run(feed(3n), { c: null }).c!.data).toEqual(floats(1, 1, 1));
    tile.dispose();
  });

  it.each([
    ['bytes that are no model', () => createSession(Uint8Array.of(1, 2, 3))],
    ['a file that does not exist', () => createSession('no-such-model.onnx')],
    [
      'an operator that does not exist',
      () => createSession(writeModel({ ...addGraph, nodes: [{ ...addGraph.nodes[0]!, opType: 'Frobnicate' }] })),
    ],
    [
      'a graph that does not fit its shapes',
      () =>
        createSession(
          writeModel({ ...addGraph, inputs: [addGraph.inputs[0]!, { name: 'b', dtype: 'float32', shape: [7, 3] }] }),
        ),
    ],
  ])('gives a typed error for %s', (_, act) => {
    expect(failure(act)).toMatchObject({ code: 'engine', failure: 'model' });
  });

  it('gives a typed error where there is no native build', () => {
    const error = failure(() =>
      openBinding(() => {
        throw new Error("Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'\nRequire stack:");
      }),
    );
    expect(error).toMatchObject({ code: 'engine', failure: 'platform' });
    expect(error.message).toContain(`got ${process.platform} ${process.arch}`);
    expect(error.remedy).toContain('tfjs-backend-wasm');
  });

  it('says what is available', () => {
    expect(probeOrt()).toMatchObject({ available: true, executionProviders: expect.arrayContaining(['cpu']) });
  });

  it('gives a typed error after dispose, which may be called twice', () => {
    const closed = createSession(writeModel(addGraph));
    closed.dispose();
    closed.dispose();
    expect(failure(() => closed.run({}, {})).message).toContain('used after dispose()');
  });

  it('writes a profile', () => {
    const folder = mkdtempSync(join(tmpdir(), 'diptych-ort-'));
    const profiled = createSession(writeModel(addGraph), {
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
      graphOptimizationLevel: 'disabled',
      intraOpNumThreads: 1,
      enableMemPattern: false,
      config: { 'session.intra_op.allow_spinning': '0' },
    });
    profiled.run({ a: value(floats(1, 2, 3, 4)), b: value(floats(0, 0, 0, 0)) }, { c: null });
    profiled.endProfiling();
    profiled.dispose();
    const trace = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8')) as { name: string }[];
    expect(trace.some(({ name }) => name === 'sum_kernel_time')).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it('passes configuration entries', () => {
    const asOrtFormat = { config: { 'session.load_model_format': 'ORT' } };
    expect(failure(() => createSession(writeModel(addGraph), asOrtFormat)).message).toMatch(/ORT/);
  });

  it('finds the block of the internal image layout', () => {
    expect([0, 8, 16]).toContain(channelBlock());
    if (process.arch === 'x64') expect(channelBlock()).toBeGreaterThan(0);
  });

  it('frees native memory on dispose', () => {
    const bytes = 2 ** 27;
    const data = new Float32Array(bytes / 4).fill(1);
    const model = writeModel({
      nodes: [{ opType: 'Mul', inputs: ['x', 'w'], outputs: ['y'], attributes: {} }],
      inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [data.length] }],
      initializers: [{ name: 'w', dtype: 'float32', shape: [data.length], data }],
    });
    const output = hostValue('float32', new Float32Array(data.length), [data.length]);
    const once = () => {
      const session = createSession(model);
      session.run({ x: hostValue('float32', floats(2), [1]) }, { y: output });
      const held = residentBytes();
      session.dispose();
      return held;
    };
    once();
    once();
    const before = residentBytes();
    let held = 0;
    for (let i = 0; i < 8; i++) held = once();
    expect(held - before).toBeGreaterThan(bytes * 0.9);
    expect(residentBytes() - before).toBeLessThan(bytes / 2);
  });
});
