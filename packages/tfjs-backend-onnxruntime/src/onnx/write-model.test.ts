import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSession } from '../ort/binding.js';
import { hostValue } from '../ort/ort-value.js';
import type { AttributeValue, OnnxDtype, OnnxGraph, OnnxNode, OnnxTensor } from './graph.js';
import { saveModel } from './save-model.js';
import { writeModel, writeModelWithExternalData } from './write-model.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A graph without inputs that gives back one constant. */
const constant = (tensor: OnnxTensor): OnnxGraph => ({
  nodes: [{ opType: 'Identity', inputs: [tensor.name], outputs: ['y'], attributes: {} }],
  inputs: [],
  outputs: [{ name: 'y', dtype: tensor.dtype, shape: tensor.shape }],
  initializers: [tensor],
});

const node = (opType: string, inputs: string[], output: string, attributes: OnnxNode['attributes'] = {}): OnnxNode => ({
  opType,
  inputs,
  outputs: [output],
  attributes,
});

function runOnce(model: Uint8Array | string, options = {}) {
  const session = createSession(model, options);
  const result = session.run({}, { y: null });
  session.dispose();
  return result.y!;
}

describe('writeModel', () => {
  const tensors: [OnnxDtype, OnnxTensor['data']][] = [
    ['float32', Float32Array.of(1.5, -0, Number.POSITIVE_INFINITY, 1e-40)],
    ['int32', Int32Array.of(1, -1, 2 ** 31 - 1, -(2 ** 31))],
    ['int64', BigInt64Array.of(1n, -1n, 2n ** 62n, -(2n ** 63n))],
    ['bool', Uint8Array.of(1, 0, 0, 1)],
    ['uint8', Uint8Array.of(0, 1, 254, 255)],
  ];
  it.each(tensors)('round-trips %s initializers of ONNX Runtime', (dtype, data) => {
    const y = runOnce(writeModel(constant({ name: 'w', dtype, shape: [2, 2], data })));
    expect(y.dtype).toBe(dtype);
    expect(y.dims).toEqual([2, 2]);
    expect(y.data).toEqual(data);
  });

  it('writes float16 as the bits of half floats', () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff);
    const graph = constant({ name: 'w', dtype: 'float16', shape: [4], data: halves });
    const cast = { opType: 'Cast', inputs: ['w'], outputs: ['y'], attributes: { to: 1 } };
    const y = runOnce(writeModel({ ...graph, nodes: [cast], outputs: [{ name: 'y', dtype: 'float32', shape: [4] }] }));
    expect(y.data).toEqual(Float32Array.of(1, -2, 2 ** -24, 65504));
  });

  it('writes every kind of attribute', () => {
    // Floats, a tensor, ints, an int, a string and strings each change the result.
    const constant = (name: string, attributes: Record<string, AttributeValue>) =>
      node('Constant', [], name, attributes);
    const shift = { tensor: { dtype: 'float32', shape: [], data: Float32Array.of(10) } } as const;
    const nodes = [
      constant('x', { value_floats: { floats: [1, 2, -3, 4] } }),
      constant('shift', { value: shift }),
      constant('shape', { value_ints: [2, -1] }),
      constant('words', { value_strings: { strings: ['a', 'b', 'é'] } }),
      node('LeakyRelu', ['x'], 'leaky', { alpha: { float: 0.5 } }),
      node('Add', ['leaky', 'shift'], 'shifted'),
      node('Reshape', ['shifted', 'shape'], 'square', { allowzero: 0 }),
      node('Transpose', ['square'], 'turned', { perm: [1, 0] }),
      node('Gelu', ['turned'], 'gelu', { approximate: 'none' }),
      node('StringNormalizer', ['words'], 'kept', { stopwords: { strings: ['a', 'é'] }, is_case_sensitive: 1 }),
      node('Shape', ['kept'], 'count'),
      node('Cast', ['count'], 'one', { to: 1, absent: undefined }),
      node('Mul', ['gelu', 'one'], 'y'),
    ];
    const outputs = [{ name: 'y', dtype: 'float32', shape: [2, 2] }] as const;
    const y = runOnce(writeModel({ nodes, inputs: [], outputs, initializers: [] }));
    expect([...(y.data as Float32Array)]).toEqual([11, 8.5, 12, 14].map((v) => expect.closeTo(v, 4)));
  });

  it('leaves out optional inputs by an empty name', () => {
    const graph: OnnxGraph = {
      nodes: [{ opType: 'Clip', inputs: ['x', '', 'max'], outputs: ['y'], attributes: {} }],
      inputs: [],
      outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
      initializers: [
        { name: 'x', dtype: 'float32', shape: [2], data: Float32Array.of(-5, 5) },
        { name: 'max', dtype: 'float32', shape: [], data: Float32Array.of(1) },
      ],
    };
    expect(runOnce(writeModel(graph)).data).toEqual(Float32Array.of(-5, 1));
  });

  it('declares the opsets of the domains in use only', () => {
    const model = (domain?: string) => {
      const node = { opType: domain ? 'QuickGelu' : 'Relu', inputs: ['x'], outputs: ['y'], attributes: {}, domain };
      return writeModel({
        nodes: [node],
        inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
        initializers: [],
      });
    };
    const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes);
    expect(text(model())).not.toContain('com.microsoft');
    expect(text(model('com.microsoft'))).toContain('com.microsoft');
    expect(() => model('org.unknown')).toThrow(/expected a domain with a known opset version/);
  });

  it.each([
    ['a fraction among the ints', { axis: 0.5 }, /attribute axis: expected an integer, got 0\.5; write floats as/],
    [
      'too few elements',
      { value: { tensor: { dtype: 'float32', shape: [2], data: Float32Array.of(1) } } },
      /Float32Array of 2/,
    ],
    [
      'another array type',
      { value: { tensor: { dtype: 'int32', shape: [1], data: Float32Array.of(1) } } },
      /Int32Array of 1/,
    ],
  ] as const)('refuses %s', (_, attributes, message) => {
    const nodes = [{ opType: 'Constant', inputs: [], outputs: ['y'], attributes }];
    expect(() => writeModel({ nodes, inputs: [], outputs: [], initializers: [] })).toThrow(message);
  });
});

describe('external data', () => {
  const data = Float32Array.from({ length: 5000 }, (_, i) => i);
  const graph: OnnxGraph = {
    nodes: [
      { opType: 'Reshape', inputs: ['w', 'shape'], outputs: ['r'], attributes: {} },
      { opType: 'Add', inputs: ['r', 'v'], outputs: ['y'], attributes: {} },
    ],
    inputs: [],
    outputs: [{ name: 'y', dtype: 'float32', shape: [50, 100] }],
    initializers: [
      { name: 'w', dtype: 'float32', shape: [5000], data },
      { name: 'shape', dtype: 'int64', shape: [2], data: BigInt64Array.of(50n, 100n) },
      { name: 'v', dtype: 'float32', shape: [50, 100], data },
    ],
  };

  it('is read from a file beside the model', async () => {
    const path = join(folder, 'big.onnx');
    expect(await saveModel(path, graph, { externalData: true })).toEqual([path, `${path}.data`]);
    expect(statSync(path).size).toBeLessThan(1000);
    expect(runOnce(path).data).toEqual(data.map((x) => 2 * x));
  });

  it('is read from memory', () => {
    const { model, chunks, byteLength } = writeModelWithExternalData(graph, 'weights.bin');
    expect(chunks.map(({ offset }) => offset)).toEqual([0, 20480]);
    const file = new Uint8Array(byteLength);
    for (const { offset, bytes } of chunks) file.set(bytes, offset);
    const y = runOnce(model, { externalData: [{ path: 'weights.bin', data: file }] });
    expect(y.data).toEqual(data.map((x) => 2 * x));
  });

  it('stays inside the file below 2 GB by default', async () => {
    const path = join(folder, 'small.onnx');
    expect(await saveModel(path, graph)).toEqual([path]);
    expect(runOnce(path).data).toEqual(data.map((x) => 2 * x));
  });

  it('is asked for above 2 GB', () => {
    // Views of one buffer stand for gigabytes of weights.
    const shared = new Float32Array(2 ** 26);
    const initializers = Array.from({ length: 9 }, (_, i) => ({
      name: `w${i}`,
      dtype: 'float32' as const,
      shape: [2 ** 26],
      data: shared,
    }));
    expect(() => writeModel({ ...graph, initializers })).toThrow(/use writeModelWithExternalData/);
    const { model, byteLength } = writeModelWithExternalData({ ...graph, initializers }, 'weights.bin');
    expect(byteLength).toBe(9 * 2 ** 28);
    expect(model.byteLength).toBeLessThan(2000);
  });
});

describe('values of a session made from a written graph', () => {
  it('takes symbolic dimensions', () => {
    const session = createSession(
      writeModel({
        nodes: [{ opType: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} }],
        inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
        initializers: [],
      }),
    );
    for (const batch of [1, 3]) {
      const x = hostValue('float32', new Float32Array(batch * 2).fill(-1), [batch, 2]);
      expect(session.run({ x }, { y: null }).y!.dims).toEqual([batch, 2]);
    }
    session.dispose();
  });
});
