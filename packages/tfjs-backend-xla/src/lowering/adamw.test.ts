import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { optimized, record } from '../../test/recorder';
import { expectClose, normal, runProgram } from '../../test/run';
import { lowerProgram } from './index';

const BETAS = { beta1: 0.9, beta2: 0.98, eps: 1e-6 };

/** torch.optim.AdamW, in 64 bits. */
function reference(state: readonly Float32Array[], [rate, decay, step]: readonly number[]) {
  const [p, g, m, v] = state as [Float32Array, Float32Array, Float32Array, Float32Array];
  const { beta1, beta2, eps } = BETAS;
  const mean = Float32Array.from(m, (x, i) => x * beta1 + g[i]! * (1 - beta1));
  const square = Float32Array.from(v, (x, i) => x * beta2 + g[i]! ** 2 * (1 - beta2));
  const next = Float32Array.from(p, (x, i) => {
    const root = Math.sqrt(square[i]! / (1 - beta2 ** step!)) + eps;
    return x * (1 - rate! * decay!) - (rate! * (mean[i]! / (1 - beta1 ** step!))) / root;
  });
  return [next, mean, square];
}

const SHAPE = [3, 5];
const spec = (shape: readonly number[]) => ({ shape, dtype: 'float32' as const });

/** The update, as `defineOptimizer` records it: rates from a table, a clipped gradient, nothing where a step is not healthy. */
function update(
  p: tf.Tensor,
  g: tf.Tensor,
  m: tf.Tensor,
  v: tf.Tensor,
  hyper: tf.Tensor,
  scale: tf.Tensor,
  healthy: tf.Tensor,
) {
  const cell = (column: number) => tf.reshape(tf.slice(hyper, [1, column], [1, 1]), []);
  const inputs = {
    parameter: p, gradient: tf.mul(g, scale), expAvg: m, expAvgSq: v, learningRate: cell(0), weightDecay: cell(1), step: cell(2),
  }; // biome-ignore format: a table
  const results = tf.engine().runKernel('AdamW', inputs, BETAS) as tf.Tensor[];
  return results.map((after, i) => tf.where(tf.cast(healthy, 'bool'), after, [p, m, v][i]!));
}

describe.skipIf(!cpuPlugin)(`AdamW${reason}`, () => {
  const state = [1, 2, 3].map((seed) => normal(SHAPE, seed).data as Float32Array);
  const squares = Float32Array.from(normal(SHAPE, 4).data as Float32Array, (x) => x * x);
  const rates = [0.01, 0.1, 3];
  const table = Float32Array.of(9, 9, 9, ...rates);

  it.each([true, false])('updates, in its plain form and fused: %s', async (fused) => {
    const { program: recorded, leaves } = record(update as never, [
      ...Array(4).fill(spec(SHAPE)),
      spec([2, 3]),
      spec([]),
      spec([]),
    ]);
    const program = fused ? optimized(recorded) : recorded;
    const node = program.nodes.find(({ op }) => op === 'AdamW');
    expect(node!.inputNames.includes('hyper')).toBe(fused);
    const data = [...state, squares, table, Float32Array.of(0.5), Float32Array.of(1)];
    const results = await runProgram(program, (leaf) => data[leaves.indexOf(leaf)]!);
    const halved = state[1]!.map((x) => x / 2);
    for (const [i, values] of reference([state[0]!, halved, state[2]!, squares], rates).entries())
      expectClose(results[i]!, values, 2e-6);
    data[6] = Float32Array.of(0);
    const unchanged = await runProgram(program, (leaf) => data[leaves.indexOf(leaf)]!);
    expect(unchanged.map((values) => Array.from(values))).toEqual(
      [state[0]!, state[2]!, squares].map((values) => Array.from(values)),
    );
  });

  it('writes over parameter and moments', async () => {
    const { program: recorded } = record(update as never, [
      ...Array(4).fill(spec(SHAPE)),
      spec([2, 3]),
      spec([]),
      spec([]),
    ]);
    const program = optimized(recorded);
    const place = (value: unknown) => program.inputs.indexOf(value as never);
    const node = program.nodes.find(({ op }) => op === 'AdamW')!;
    const donated = [0, 2, 3].map((input) => place(node.inputs[input]));
    const { text, aliases } = lowerProgram(program, { precision: 'f32', platform: 'cpu', donated });
    expect(donated.map((input) => aliases.get(input))).toEqual([0, 1, 2]);
    expect(text).toContain('{tf.aliasing_output = 0 : i32}');
    const results = await runProgram(program, (leaf) => new Float32Array(leaf.size).fill(1), { donated });
    expect(results[1]![0]).toBeCloseTo(1, 6);
  });
});
