import { philox4x32, wordToUniform } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { optimized, record } from '../../test/recorder';
import { runProgram } from '../../test/run';

const SITE = 0xdeadbeef;

const uniform = (shape: number[], state: tf.Tensor) =>
  tf.engine().runKernel('PhiloxUniform', { state }, { shape, site: SITE }) as tf.Tensor;

/** What @diptych/core draws. */
function expected(shape: readonly number[], [seed, step, offset]: readonly number[]): number[] {
  const rows = shape[0] ?? 1;
  const rowSize = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: rows * rowSize }, (_, i) => {
    const [row, column] = [Math.floor(i / rowSize), i % rowSize];
    const words = philox4x32([column >>> 2, offset! + row, step! >>> 0, SITE], [seed! >>> 0, 0]);
    return wordToUniform(words[column & 3]!);
  });
}

describe.skipIf(!cpuPlugin)(`random numbers${reason}`, () => {
  const STATES = [[0, 0, 0], [7, 123, 1000], [-5, -1, 3]]; // biome-ignore format: a table
  const SHAPES = [[4, 10], [3, 5, 7], [9], [], [2, 8], [1, 1], [0, 4]]; // biome-ignore format: a table

  it('are those of every other engine, to the bit', async () => {
    for (const shape of SHAPES) {
      const { program } = record((state) => uniform(shape, state), [{ shape: [3], dtype: 'int32' }]);
      for (const state of STATES) {
        const [drawn] = await runProgram(program, () => Int32Array.from(state));
        expect(Array.from(drawn!)).toEqual(expected(shape, state));
      }
    }
  });

  it('make masks, and only those numbers that are read', async () => {
    const state = [3, 9, 11];
    const shape = [2, 6, 5];
    const dropped = (of: tf.Tensor) => {
      const kept = tf.cast(tf.greaterEqual(uniform(shape, of), 0.25), 'float32');
      return tf.mul(tf.slice(tf.mul(kept, 1 / 0.75), [0, 1, 0], [2, 1, 5]), 2);
    };
    const { program: recorded } = record(dropped, [{ shape: [3], dtype: 'int32' }]);
    const program = optimized(recorded);
    const mask = program.nodes.find(({ op }) => op === 'PhiloxMask');
    expect(mask?.attrs.picks).toBeDefined();
    const [drawn] = await runProgram(program, () => Int32Array.from(state));
    const all = expected(shape, state);
    const wanted = [0, 1]
      .flatMap((row) => all.slice(row * 30 + 5, row * 30 + 10))
      .map((x) => (x >= 0.25 ? Math.fround(Math.fround(1 / 0.75) * 2) : 0));
    expect(Array.from(drawn!)).toEqual(wanted);
  });
});
