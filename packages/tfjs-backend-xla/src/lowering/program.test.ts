import { Builder, extractProgram, type Node, RECORDERS, Value } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { optimized, record, type Spec } from '../../test/recorder';
import { canLower, type LowerOptions, lowerProgram } from './index';
import { LOWERINGS } from './kernels';

const f32 = (...shape: number[]): Spec => ({ shape, dtype: 'float32' });
const CPU: LowerOptions = { precision: 'f32', platform: 'cpu' };

/** Kernels that are recorded as others: views of data, sums of two kernels, complex numbers as pairs. */
const TAKEN_APART = new Set(
  (
    'AddN BatchToSpaceND Complex DepthToSpace ExpandDims FusedConv2D FusedDepthwiseConv2D Imag OnesLike Pack Range Real SpaceToBatchND SplitV ' +
    'Unpack ZerosLike _FusedMatMul'
  ).split(' '),
);

describe('programs', () => {
  it('can have every kernel that is recorded', () => {
    expect(Object.keys(RECORDERS).filter((name) => !TAKEN_APART.has(name) && !(name in LOWERINGS))).toEqual([]);
  });

  it('are the same text for the same function, whenever it is recorded', () => {
    const dense = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
      tf.softmax(tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), b));
    const text = () => lowerProgram(optimized(record(dense, [f32(2, 3), f32(3, 4), f32(4)]).program), CPU).text;
    expect(text()).toBe(text());
    expect(text()).toMatchSnapshot();
  });

  it('tell what they take and give, with the flags that they need', () => {
    const { program } = record(
      (x, i) => [tf.gather(x, i as tf.Tensor1D), tf.greater(x, 0)],
      [f32(5, 2), { shape: [3], dtype: 'int32' }],
    );
    const { inputs, outputs, aliases, flags } = lowerProgram(program, CPU);
    expect(inputs).toContainEqual({ shape: [3], dtype: 'int32' });
    expect(outputs).toEqual([
      { shape: [3, 2], dtype: 'float32' },
      { shape: [5, 2], dtype: 'bool' },
    ]);
    expect(aliases.size).toBe(0);
    expect(flags).toEqual({ xla_cpu_enable_fast_min_max: false });
    expect(lowerProgram(program, { ...CPU, platform: 'cuda' }).flags).toEqual({});
  });

  it('say which node has no form, and what to do', () => {
    const x = new Value([2], 'float32');
    const unknown = new Builder().emit('Unheard', [x], {}, [2], 'float32');
    expect(() => lowerProgram(extractProgram([unknown]), CPU)).toThrow(
      /Unheard of float32\[2\] has no form in StableHLO.*canLower/s,
    );
    expect(canLower('Unheard', unknown.node!)).toBe(false);
    const text = new Builder().emit('Identity', [new Value([2], 'string')], {}, [2], 'string');
    expect(canLower('Identity', text.node!)).toBe(false);
    expect(() => lowerProgram(extractProgram([new Value([2], 'complex64')]), CPU)).toThrow('dtype complex64');
    const add = new Builder().emit('Add', [x, x], {}, [2], 'float32').node as Node;
    expect(canLower('Add', add)).toBe(true);
  });
});

describe('donated inputs', () => {
  it('are written over by what is computed from them', () => {
    const update = (p: tf.Tensor, m: tf.Tensor, g: tf.Tensor) => {
      const mean = tf.add(tf.mul(m, 0.9), g);
      return [tf.sum(g), mean, tf.sub(p, tf.mul(mean, 0.1))];
    };
    const { program, leaves } = record(update, [f32(3), f32(3), f32(3)]);
    const place = (leaf: number) => program.inputs.indexOf(leaves[leaf]!);
    const { text, aliases } = lowerProgram(program, { ...CPU, donated: [place(0), place(1)] });
    expect([aliases.get(place(0)), aliases.get(place(1))]).toEqual([2, 1]);
    expect(text).toContain(`%arg${place(0)}: tensor<3xf32> {tf.aliasing_output = 2 : i32}`);
    const told = lowerProgram(program, { ...CPU, aliases: new Map([[place(2), 1]]) });
    expect(told.text).toContain(`%arg${place(2)}: tensor<3xf32> {tf.aliasing_output = 1 : i32}`);
  });

  it('of which no output has the shape stay as they are', () => {
    const { program } = record((a, b) => [tf.sum(a), b], [f32(3), f32(4)]);
    expect(lowerProgram(program, { ...CPU, donated: [0, 1] }).aliases.size).toBe(0);
  });

  it('have to be there', () => {
    const { program } = record((a) => tf.neg(a), [f32(3)]);
    expect(() => lowerProgram(program, { ...CPU, donated: [1] })).toThrow('donated positions from 0 to 0, got 1');
  });
});
