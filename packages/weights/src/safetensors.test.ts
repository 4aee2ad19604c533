import { WeightsError } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { encodeSafetensors } from './encode-safetensors.js';
import { parseSafetensors, Safetensors } from './safetensors.js';
import { MAX_HEADER_BYTES } from './safetensors-header.js';

/** A file from a header's text and its data. */
function file(header: string, data: Uint8Array = new Uint8Array(0), claimedLength?: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimedLength ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const tensor = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const one = (dtype: string, shape: number[], data: Uint8Array) =>
  parseSafetensors(file(JSON.stringify({ x: tensor(dtype, shape, 0, data.length) }), data)).read('x');
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe('parseSafetensors', () => {
  it('reads every dtype that has a counterpart', () => {
    expect(one('F32', [2], bytesOf(Float32Array.of(1.5, -2)))).toEqual({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(1.5, -2),
    });
    expect(one('F64', [1], bytesOf(Float64Array.of(0.1))).data).toEqual(Float32Array.of(0.1));
    expect(one('F16', [3], bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x7bff))).data).toEqual(
      Float32Array.of(1, -2, 65504),
    );
    expect(one('BF16', [2], bytesOf(Uint16Array.of(0x3f80, 0xc000))).data).toEqual(Float32Array.of(1, -2));
    expect(one('I64', [2], bytesOf(BigInt64Array.of(-5n, 2147483647n)))).toEqual({
      dtype: 'int32',
      shape: [2],
      data: Int32Array.of(-5, 2147483647),
    });
    expect(one('U64', [1], bytesOf(BigUint64Array.of(7n))).data).toEqual(Int32Array.of(7));
    expect(one('I32', [], bytesOf(Int32Array.of(-7))).data).toEqual(Int32Array.of(-7));
    expect(one('U32', [1], bytesOf(Uint32Array.of(7))).data).toEqual(Int32Array.of(7));
    expect(one('I16', [1], bytesOf(Int16Array.of(-300))).data).toEqual(Int32Array.of(-300));
    expect(one('U16', [1], bytesOf(Uint16Array.of(60000))).data).toEqual(Int32Array.of(60000));
    expect(one('I8', [2], bytesOf(Int8Array.of(-3, 3))).data).toEqual(Int32Array.of(-3, 3));
    expect(one('U8', [2], Uint8Array.of(0, 255))).toEqual({ dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) });
    expect(one('BOOL', [2], Uint8Array.of(0, 1))).toEqual({ dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) });
  });

  it('refuses integers that tfjs cannot hold, and dtypes without a counterpart, when they are read', () => {
    expect(() => one('I64', [1], bytesOf(BigInt64Array.of(2n ** 31n)))).toThrow(/fit in 32 bits, got 2147483648/);
    expect(() => one('I64', [1], bytesOf(BigInt64Array.of(-(2n ** 31n) - 1n)))).toThrow(/got -2147483649/);
    expect(() => one('U64', [1], bytesOf(BigUint64Array.of(2n ** 64n - 1n)))).toThrow(/got 18446744073709551615/);
    expect(() => one('U32', [1], bytesOf(Uint32Array.of(2 ** 32 - 1)))).toThrow(/got 4294967295/);
    expect(() => one('F6_E2M3', [4], Uint8Array.of(1, 2, 3))).toThrow(/F6_E2M3 cannot be read/);
  });

  it('lists tensors without reading them, with PyTorch shapes and metadata', () => {
    const opened = parseSafetensors(
      file(
        JSON.stringify({
          __metadata__: { format: 'pt' },
          b: tensor('F8_E5M2', [2], 4, 6),
          a: tensor('F16', [1, 2], 0, 4),
        }),
        new Uint8Array(6),
      ),
    );
    expect(opened.metadata).toEqual({ format: 'pt' });
    expect(opened.infos.get('a')).toMatchObject({ storedDtype: 'F16', shape: [1, 2], byteLength: 4 });
    expect([...opened.infos.keys()].sort()).toEqual(['a', 'b']);
    expect(() => opened.read('c')).toThrow(/expected a tensor "c"/);
  });

  it('reads 32-bit data that is not aligned, and half precision across chunk borders', () => {
    const header = JSON.stringify({ x: tensor('F32', [1], 0, 4) });
    for (let pad = 0; pad < 4; pad++) {
      const bytes = file(header + ' '.repeat(pad), bytesOf(Float32Array.of(3.25)));
      expect(parseSafetensors(bytes).read('x').data).toEqual(Float32Array.of(3.25));
    }
    const size = 2 ** 20 + 3;
    const words = Uint16Array.from({ length: size }, (_, i) => 0x3c00 + (i % 1024));
    const { data } = one('F16', [size], bytesOf(words));
    expect(data[0]).toBe(1);
    expect(data[size - 1]).toBe(1 + ((size - 1) % 1024) / 1024);
    expect(data[2 ** 19]).toBe(1 + (2 ** 19 % 1024) / 1024);
  });

  it('gives plain arrays from a Buffer', () => {
    const bytes = Buffer.from(file(JSON.stringify({ x: tensor('U8', [1], 0, 1) }), Uint8Array.of(7)));
    expect(parseSafetensors(bytes).read('x').data.constructor).toBe(Uint8Array);
  });

  it('takes names that JavaScript objects treat specially', () => {
    const header = '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    expect(parseSafetensors(file(header, Uint8Array.of(9))).read('__proto__').data).toEqual(Uint8Array.of(9));
  });

  it('takes the last entry of a tensor that stands twice, as safetensors does', () => {
    const twice = `{"x":${JSON.stringify(tensor('F32', [1], 0, 4))},"\\u0078":${JSON.stringify(tensor('I32', [1], 0, 4))}}`;
    expect(parseSafetensors(file(twice, new Uint8Array(4))).read('x').dtype).toBe('int32');
  });

  it('accepts tensors without entries', () => {
    expect(one('F32', [0, 5], new Uint8Array(0)).data).toHaveLength(0);
    expect(parseSafetensors(file('{}')).infos.size).toBe(0);
  });

  const x4 = tensor('F32', [1], 0, 4);
  it.each([
    ['nothing', new Uint8Array(0), /at least 8 bytes, got 0/],
    ['seven bytes', new Uint8Array(7), /at least 8 bytes/],
    ['header longer than the file', file('{}', undefined, 1000), /claims 1000 bytes, but only 2 follow/],
    ['header of 2^64 - 1 bytes', new Uint8Array(16).fill(255), /claims .* bytes/],
    ['not UTF-8', new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xfe]), /not UTF-8/],
    ['not JSON', file('{"x":'), /not JSON/],
    ['a list as header', file('[]'), /JSON object/],
    ['null as header', file('null'), /JSON object/],
    ['metadata of numbers', file('{"__metadata__":{"a":1}}'), /__metadata__/],
    ['an entry that is no object', file('{"x":3}'), /tensor "x".*object with dtype/],
    ['an unknown dtype', file(JSON.stringify({ x: { ...x4, dtype: 'F33' } }), new Uint8Array(4)), /got "F33"/],
    ['a dtype from Object.prototype', file('{"x":{"dtype":"toString","shape":[],"data_offsets":[0,0]}}'), /toString/],
    ['a negative size', file(JSON.stringify({ x: { ...x4, shape: [-1] } }), new Uint8Array(4)), /whole numbers/],
    ['a fractional size', file(JSON.stringify({ x: { ...x4, shape: [0.5] } }), new Uint8Array(4)), /whole numbers/],
    [
      'a shape that overflows',
      file(JSON.stringify({ x: { ...x4, shape: [2 ** 52, 2 ** 52] } }), new Uint8Array(4)),
      /bytes for F32/,
    ],
    [
      'a shape of another size',
      file(JSON.stringify({ x: { ...x4, shape: [2] } }), new Uint8Array(4)),
      /8 bytes for F32 \[2\], got 4/,
    ],
    ['half a byte', file(JSON.stringify({ x: tensor('F4', [1], 0, 1) }), new Uint8Array(1)), /0.5 bytes/],
    ['reversed offsets', file(JSON.stringify({ x: tensor('F32', [1], 4, 0) }), new Uint8Array(4)), /begin <= end/],
    [
      'offsets past the end',
      file(JSON.stringify({ x: x4 }), new Uint8Array(3)),
      /need 4 bytes of data, the file has 3/,
    ],
    ['bytes after the last tensor', file(JSON.stringify({ x: x4 }), new Uint8Array(5)), /1 bytes follow/],
    ['overlap', file(JSON.stringify({ x: x4, y: tensor('F32', [1], 2, 6) }), new Uint8Array(6)), /"y": overlaps/],
    ['a gap', file(JSON.stringify({ x: x4, y: tensor('F32', [1], 5, 9) }), new Uint8Array(9)), /"y": leaves a gap/],
    [
      'a field twice',
      file('{"x":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', new Uint8Array(4)),
      /key "dtype" twice/,
    ],
    ['a zip of a PyTorch pickle', new Uint8Array([0x50, 0x4b, 3, 4, 9, 9, 9, 9, 9]), /PyTorch pickle; convert it/],
    ['an old pickle', new Uint8Array([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), /PyTorch pickle/],
    ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs'), /Git LFS pointer/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'here')).toThrow(WeightsError);
    expect(() => parseSafetensors(bytes, 'here')).toThrow(message);
  });

  /** A file of 200 MB that starts as given, and the largest piece that was read of it. */
  function largeFile(headerBytes: number, firstByte: string) {
    const asked = { largest: 0 };
    const readInto = (offset: number, target: Uint8Array) => {
      asked.largest = Math.max(asked.largest, target.length);
      if (offset > 0) return;
      new DataView(target.buffer).setBigUint64(0, BigInt(headerBytes), true);
      target[8] = firstByte.charCodeAt(0);
    };
    return { asked, open: () => new Safetensors('big', { size: 200e6, readInto }) };
  }

  it.each([
    ['more than 100 MB, valid or not', 100e6 + 1, '{', /header of at most 100000000 bytes, got 100000001/],
    ['100 MB of something else', 100e6, '\0', /JSON object as header, got a first byte of 0/],
  ])('refuses a header of %s without allocating for it', (_, headerBytes, firstByte, message) => {
    const { asked, open } = largeFile(headerBytes, firstByte);
    expect(open).toThrow(WeightsError);
    expect(open).toThrow(message);
    expect(asked.largest).toBe(64);
  });

  it('reads headers as large as real ones, and twenty times as large', () => {
    const layers = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `model.layers.${i}.self_attn.q_proj.weight`,
          { dtype: 'uint8' as const, shape: [1], data: Uint8Array.of(i) },
        ]),
      );
    const headerOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    expect(headerOf(encodeSafetensors(layers(5000)))).toBeLessThan(MAX_HEADER_BYTES / 150);
    const bytes = encodeSafetensors(layers(100_000));
    expect(headerOf(bytes)).toBeGreaterThan(8e6);
    expect(parseSafetensors(bytes).read('model.layers.77777.self_attn.q_proj.weight').data[0]).toBe(77777 % 256);
  });

  it('is not confused by a header whose length looks like a pickle', () => {
    const padded = file('{}'.padEnd(0x280, ' '));
    expect([padded[0], padded[1]]).toEqual([0x80, 0x02]);
    expect(parseSafetensors(padded).infos.size).toBe(0);
  });
});

describe('encodeSafetensors', () => {
  const tensors = {
    'z.weight': { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    ids: { dtype: 'int32', shape: [], data: Int32Array.of(-1) },
    mask: { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) },
    bytes: { dtype: 'uint8', shape: [1], data: Uint8Array.of(200) },
    empty: { dtype: 'float32', shape: [0], data: new Float32Array(0) },
  } as const;

  it('writes what it reads', () => {
    const opened = parseSafetensors(encodeSafetensors(tensors, { metadata: { epoch: '3', 'naïve "key"': 'ü' } }));
    for (const [name, tensor] of Object.entries(tensors)) expect(opened.read(name)).toEqual(tensor);
    expect(opened.metadata).toEqual({ epoch: '3', 'naïve "key"': 'ü' });
    expect(opened.infos.size).toBe(5);
  });

  it('says PyTorch format by default, aligns data to 8 bytes, and orders as the reference does', () => {
    const bytes = encodeSafetensors(tensors);
    const length = new DataView(bytes.buffer).getUint32(0, true);
    expect(length % 8).toBe(0);
    const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    expect(Object.keys(JSON.parse(header))).toEqual(['__metadata__', 'empty', 'ids', 'z.weight', 'bytes', 'mask']);
    expect(parseSafetensors(bytes).metadata).toEqual({ format: 'pt' });
  });

  it('stores floats in half precision on demand, and copies an opened file', () => {
    for (const floats of ['F16', 'BF16'] as const) {
      const opened = parseSafetensors(encodeSafetensors(tensors, { floats }));
      expect(opened.infos.get('z.weight')).toMatchObject({ storedDtype: floats, byteLength: 8 });
      expect(opened.read('z.weight')).toEqual(tensors['z.weight']);
      expect(parseSafetensors(encodeSafetensors(opened)).read('z.weight')).toEqual(tensors['z.weight']);
    }
  });

  it('refuses arrays that do not fit their shape, and the reserved name', () => {
    const wrong = { x: { dtype: 'float32', shape: [3], data: new Float32Array(2) } } as const;
    expect(() => encodeSafetensors(wrong)).toThrow(/tensor "x": expected 3 entries for shape \[3\], got 2/);
    expect(() => encodeSafetensors({ __metadata__: tensors.ids })).toThrow(/reserved/);
  });
});
