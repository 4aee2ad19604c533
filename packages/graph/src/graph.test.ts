import { EngineError, lend } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Recorder, registerRecorder, useRecorder } from '../test/recorder.js';
import {
  assignLayouts,
  extractProgram,
  fingerprint,
  fuseGelu,
  fuseNormalization,
  peakBytes,
  printProgram,
  reuseActivations,
  simplify,
} from './index.js';

let backend: Recorder;

beforeAll(registerRecorder);

beforeEach(() => {
  backend = useRecorder();
});

afterAll(() => {
  tf.removeBackend('recorder');
});

const leaf = (shape: number[], fill = 0.5) =>
  tf.tensor(new Float32Array(tf.util.sizeFromShape(shape)).fill(fill), shape);
const programOf = (...outputs: tf.Tensor[]) => extractProgram(outputs.map((output) => backend.graphValue(output)));
const simplified = (...outputs: tf.Tensor[]) => simplify(programOf(...outputs), ({ size }) => size === 1);
const lines = (text: string) => text.split('\n').slice(1, -1);

describe('simplify', () => {
  it('drops what changes nothing, and merges what is equal', () => {
    const x = leaf([2, 3]);
    const y = tf.mul(tf.add(x, 0), 1);
    const z = tf.add(tf.exp(tf.reshape(y, [3, 2])), tf.exp(tf.reshape(x, [3, 2])));
    expect(printProgram(simplified(z))).toBe(
      [
        'inputs %in0: f32[2,3]',
        '%0: f32[3,2] = Reshape(%in0) {shape=[3,2]}',
        '%1: f32[3,2] = Exp(%0)',
        '%2: f32[3,2] = Add(%1, %1)',
        'outputs %2',
      ].join('\n'),
    );
  });

  it('does not write broadcasts out', () => {
    const sum = tf.mul(tf.tile(leaf([1, 3]), [4, 1]), tf.mul(tf.fill([4, 3], 1), leaf([4, 3])));
    expect(lines(printProgram(simplified(sum)))).toEqual(['%0: f32[4,3] = Multiply(%in0, %in1)']);
  });

  it('folds powers, divisions and reductions of constants', () => {
    const x = leaf([5]);
    expect(lines(printProgram(simplified(tf.pow(x, 0.5))))).toEqual(['%0: f32[5] = Sqrt(%in0)']);
    expect(lines(printProgram(simplified(tf.div(x, 4)))).at(-1)).toBe('%1: f32[5] = Multiply(%in0, %0)');
    expect(lines(printProgram(simplified(tf.sum(tf.fill([3, 4], 2)))))).toEqual([
      '%0: f32[] = Fill() {shape=[] value=24 dtype="float32"}',
    ]);
  });

  it('tells infinities, NaN and negative zero apart', () => {
    const fills = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 0, -0].map((v) => tf.fill([2], v));
    expect(simplified(...fills).nodes).toHaveLength(5);
  });
});

describe('assignLayouts', () => {
  it('puts channels first without a transpose between layers, filters of PyTorch as they are', () => {
    const image = leaf([2, 8, 8, 3]);
    const first = leaf([4, 3, 3, 3]);
    const second = leaf([6, 4, 1, 1]);
    const filter = (w: tf.Tensor) => tf.transpose(w, [2, 3, 1, 0]) as tf.Tensor4D;
    const h = tf.relu(tf.add(tf.conv2d(image as tf.Tensor4D, filter(first), 1, 'same'), leaf([4])));
    const y = tf.mean(tf.conv2d(h as tf.Tensor4D, filter(second), 2, 'valid'), [1, 2]);
    const text = lines(printProgram(assignLayouts(simplified(y)))).map((line) => line.replace(/ \{.*/, ''));
    expect(text).toEqual([
      '%0: f32[2,3,8,8] = Transpose(%in0)',
      '%1: f32[2,4,8,8] = Conv2D(%0, %in1)',
      '%2: f32[1,4,1,1] = Reshape(%in2)',
      '%3: f32[2,4,8,8] = Add(%1, %2)',
      '%4: f32[2,4,8,8] = Relu(%3)',
      '%5: f32[2,6,4,4] = Conv2D(%4, %in3)',
      '%6: f32[2,6] = Mean(%5)',
    ]);
  });

  it('takes a transposed matrix as it lies, and keeps the order of inputs and outputs', () => {
    const product = tf.matMul(tf.transpose(leaf([3, 2])), leaf([3, 4]));
    expect(lines(printProgram(assignLayouts(simplified(product))))).toEqual([
      '%0: f32[2,4] = BatchMatMul(%in0, %in1) {"transposeA":true,"transposeB":false}'.replace(
        /\{.*/,
        '{transposeA=true transposeB=false}',
      ),
    ]);
    const turned = assignLayouts(simplified(tf.transpose(tf.exp(leaf([2, 3])))));
    expect(turned.outputs[0]!.shape).toEqual([3, 2]);
  });
});

describe('fusions', () => {
  it('see a layer norm and a GELU', () => {
    const x = leaf([4, 8]);
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5));
    const y = tf.add(tf.mul(tf.mul(centred, inverse), leaf([8], 2)), leaf([8], 3));
    const gelu = tf.mul(y, tf.mul(tf.add(tf.erf(tf.mul(y, Math.SQRT1_2)), 1), 0.5));
    const fused = fuseGelu(fuseNormalization(simplified(gelu)));
    expect(lines(printProgram(fused)).map((line) => line.replace(/.* = (\w+).*/, '$1'))).toEqual(['LayerNorm', 'Gelu']);
  });

  it('ask relu(x) in place of x', () => {
    const x = tf.exp(leaf([3]));
    const out = tf.add(tf.relu(x), tf.mul(leaf([3]), tf.step(x)));
    const text = printProgram(reuseActivations(simplified(out)));
    expect(text).toMatch(/%(\d+): f32\[3\] = Relu[\s\S]*Greater\(%\1,/);
  });
});

describe('programs', () => {
  it('have equal fingerprints for equal structure alone', () => {
    const print = (...outputs: tf.Tensor[]) => fingerprint(programOf(...outputs), () => '');
    const [a, b] = [leaf([2]), leaf([2])];
    expect(print(tf.add(a, b))).toBe(print(tf.add(b, a)));
    expect(print(tf.add(a, a))).not.toBe(print(tf.add(a, b)));
    expect(print(tf.pad(a as tf.Tensor1D, [[1, 1]], 0))).not.toBe(print(tf.pad(a, [[1, 1]], Number.NaN)));
  });

  it('know how much memory they need at once', () => {
    const x = leaf([256]);
    expect(peakBytes(programOf(tf.exp(tf.exp(tf.exp(x)))))).toBe(2 * 1024);
  });
});

describe('RecordingBackend', () => {
  it('computes what is alive in one program, and shares buffers between shapes', () => {
    const x = leaf([6]);
    const y = tf.reshape(tf.exp(x), [2, 3]);
    const z = tf.neg(y);
    const gone = tf.sin(x);
    gone.dispose();
    z.dataSync();
    expect(backend.evaluated).toHaveLength(1);
    expect(backend.evaluated[0]!.map(({ shape }) => shape)).toEqual([[6], [2, 3]]);
    y.dataSync();
    expect(backend.evaluated).toHaveLength(1);
  });

  it('computes what was asked for when something else fails', () => {
    const bad = tf.sin(leaf([2]));
    const good = tf.exp(leaf([2]));
    backend.fails = 'Sin';
    expect(good.dataSync()).toHaveLength(2);
    expect(() => bad.dataSync()).toThrow('cannot run Sin');
  });

  it('keeps what it was given when the array changes', () => {
    const source = new Float32Array(20_000).fill(1);
    const x = tf.tensor1d(source);
    source.fill(7);
    expect(x.dataSync()[19_999]).toBe(1);
    const read = x.dataSync();
    read[0] = 5;
    expect(x.dataSync()[0]).toBe(1);
  });

  it('keeps a lent array itself', async () => {
    const given = lend(Float32Array.of(1, 2, 3));
    const tensor = tf.tensor1d(given);
    expect(await tensor.data()).toBe(given);
    tensor.dispose();
  });

  it('makes no array for zeros until somebody reads them', () => {
    const filled = tf.fill([100_000], 0);
    backend.flush();
    for (const zeros of [tf.zeros([100_000]), filled]) {
      expect(backend.graphValue(zeros).isUntouchedZero).toBe(true);
      expect(zeros.dataSync()[5]).toBe(0);
      expect(backend.graphValue(zeros).isUntouchedZero).toBe(false);
    }
  });

  it('refuses reads while recording, and says where', () => {
    const x = tf.exp(leaf([2]));
    const reads = () => backend.recordWhile(new Set(), () => tf.neg(x).dataSync());
    expect(reads).toThrow(EngineError);
    expect(reads).toThrow(/result of Neg .*graph\.test\.ts:\d+/);
    expect(backend.isRecording).toBe(false);
  });

  it('flushes by itself when nobody reads', () => {
    const small = new Recorder('recorder', 100);
    tf.removeBackend('recorder');
    tf.registerBackend('recorder', () => small);
    tf.setBackend('recorder');
    let x = tf.tensor1d([1]);
    for (let i = 0; i < 1000; i++) {
      const next = tf.add(x, x);
      x.dispose();
      x = next as tf.Tensor1D;
    }
    expect(small.evaluated.length).toBeGreaterThan(5);
    expect(small.numDataIds()).toBe(1);
  });
});
