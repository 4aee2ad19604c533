// A contrastive step on two and four devices against one: every rule that a real step needs.
import type { NumericData, Program, Value } from '@diptych/graph';
import type { Buffer } from '@diptych/pjrt';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuClient, cpuPlugin, reason } from '../../test/cpu-plugin';
import { optimized, record, type Spec } from '../../test/recorder';
import { expectClose, normal, runProgram } from '../../test/run';
import { lowerProgram } from '../lowering/index';
import { dataParallel } from './index';

const BATCH = 8;
const TOKENS = 6;
const WIDTH = 8;

const f32 = (...shape: number[]): Spec => ({ shape, dtype: 'float32' });
const SPECS: readonly Spec[] = [
  f32(BATCH, 8, 8, 3), { shape: [BATCH, TOKENS], dtype: 'int32' }, { shape: [3], dtype: 'int32' },
  f32(3, 3, 3, 4), f32(4), f32(4), f32(4, WIDTH), f32(20, WIDTH), f32(WIDTH, WIDTH), f32(WIDTH, WIDTH), f32(),
]; // biome-ignore format: a table

const unit = (x: tf.Tensor) => tf.div(x, tf.sqrt(tf.sum(tf.square(x), 1, true)));

/** Random numbers as nn's dropout draws them. */
const dropout = (x: tf.Tensor, state: tf.Tensor) => {
  const uniform = tf.engine().runKernel('PhiloxUniform', { state }, { shape: x.shape, site: 7 }) as tf.Tensor;
  return tf.mul(x, tf.mul(tf.cast(tf.greaterEqual(uniform, 0.25), 'float32'), 1 / 0.75));
};

/** An image tower with batch normalisation, a text tower with attention and dropout, InfoNCE over the whole batch. */
function loss(images: tf.Tensor, ids: tf.Tensor, state: tf.Tensor, weights: readonly tf.Tensor[]): tf.Scalar {
  const [filter, scale, shift, head, table, query, value, logitScale] = weights as [
    tf.Tensor,
    ...tf.Tensor[],
  ] as tf.Tensor[];
  const cells = tf.conv2d(images as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same');
  const mean = tf.mean(cells, [0, 1, 2]);
  const centred = tf.sub(cells, mean);
  const variance = tf.mean(tf.square(centred), [0, 1, 2]);
  const normalized = tf.relu(tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), scale!), shift!));
  const pooled = tf.mean(tf.maxPool(normalized as tf.Tensor4D, 3, 2, 'same'), [1, 2]);
  const image = unit(tf.matMul(pooled as tf.Tensor2D, head as tf.Tensor2D));

  const tokens = tf.gather(table!, ids as tf.Tensor2D);
  const split = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [BATCH, TOKENS, 2, WIDTH / 2]), [0, 2, 1, 3]);
  const rows = tf.reshape(tokens, [BATCH * TOKENS, WIDTH]);
  const [q, v] = [query, value].map((weight) =>
    split(tf.reshape(tf.matMul(rows as tf.Tensor2D, weight as tf.Tensor2D), [BATCH, TOKENS, WIDTH])),
  );
  const attention = dropout(tf.softmax(tf.matMul(q!, split(tokens), false, true)), state);
  const mixed = tf.reshape(tf.transpose(tf.matMul(attention, v!), [0, 2, 1, 3]), [BATCH, TOKENS, WIDTH]);
  const text = unit(tf.squeeze(tf.slice(mixed, [0, 0, 0], [BATCH, 1, WIDTH]), [1]));

  const logits = tf.mul(tf.matMul(image as tf.Tensor2D, text as tf.Tensor2D, false, true), tf.exp(logitScale!));
  const matches = tf.eye(BATCH);
  const crossEntropy = (x: tf.Tensor) => tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(x as tf.Tensor2D), matches), 1)));
  return tf.mul(tf.add(crossEntropy(logits), crossEntropy(tf.transpose(logits))), 0.5) as tf.Scalar;
}

/** Loss, and weights after a step of gradient descent. */
const step = (...inputs: tf.Tensor[]) => {
  const [images, ids, state, ...weights] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  const { value, grads } = tf.valueAndGrads((...w: tf.Tensor[]) => loss(images, ids, state, w))(weights);
  return [value, ...weights.map((weight, i) => tf.sub(weight, tf.mul(grads[i]!, 0.1)))];
};

const data: NumericData[] = SPECS.map(({ shape, dtype }, i) =>
  dtype === 'float32'
    ? normal(shape, i + 1, 0.7).data
    : Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, j) =>
        shape.length === 1 ? [3, 5, 1000][j]! : (j * j * 3) % 20,
      ),
);

const dataOf = (leaves: readonly Value[]) => (leaf: Value) =>
  (leaf.data as NumericData | null) ?? data[leaves.indexOf(leaf)]!;

/** Runs a divided program on as many devices. */
async function runOn(
  replicas: number,
  program: Program,
  original: Program,
  leaves: readonly Value[],
  shared: readonly number[],
) {
  const client = await cpuClient();
  const { text, flags } = lowerProgram(program, { precision: 'f32', platform: 'cpu', replicas });
  const executable = await client.compile(text, { replicas, flags });
  const find = dataOf(leaves);
  const lists = executable.devices.map((device, replica) =>
    program.inputs.map((input, i) => {
      const all = find(original.inputs[i]!);
      const part = shared.includes(i) ? all.slice(replica * input.size, (replica + 1) * input.size) : all;
      return client.upload(part, input.shape, { device, dtype: input.dtype === 'int32' ? 's32' : 'f32' });
    }),
  );
  const { outputs, done } = executable.launch(lists);
  await Promise.all(done.map((event) => event.wait()));
  const results = await Promise.all(outputs.map((list: Buffer[]) => Promise.all(list.map((output) => output.read()))));
  for (const one of [executable, ...lists.flat(), ...outputs.flat()]) one.dispose();
  return results as NumericData[][];
}

describe.skipIf(!cpuPlugin)(`data parallelism${reason}`, () => {
  const { program: recorded, leaves } = record(step, SPECS);
  const program = optimized(recorded, { forDivision: true });

  it.each([2, 4])('%d devices compute what one computes of the whole batch', async (replicas) => {
    const expected = await runProgram(optimized(recorded), dataOf(leaves));
    const divided = dataParallel(program, { replicas, batch: [leaves[0]!, leaves[1]!] });
    expect(divided.shared.map((i) => program.inputs[i])).toEqual(
      leaves.filter((leaf, i) => i < 2 && program.inputs.includes(leaf)),
    );
    const results = await runOn(replicas, divided.program, program, leaves, divided.shared);
    for (const outputs of results) {
      expect(Array.from(outputs[0]!)).toEqual(Array.from(results[0]![0]!));
      for (const [i, values] of expected.entries()) expectClose(outputs[i]!, values, 1e-5);
    }
  });

  it('gathers embeddings and adds gradients up, and moves nothing else', () => {
    const { program: divided } = dataParallel(program, { replicas: 2, batch: [leaves[0]!, leaves[1]!] });
    const sent = divided.nodes.filter(({ op }) => op === 'AllGather').map(({ outputs }) => outputs[0]!.shape.join());
    expect(new Set(sent)).toEqual(new Set([`${BATCH},${WIDTH}`, `${BATCH},${BATCH}`]));
    const sums = divided.nodes.filter(({ op }) => op === 'AllReduce').map(({ outputs }) => outputs[0]!.shape.join());
    for (const { shape } of SPECS.slice(3)) expect(sums).toContain(shape.join());
  });

  it('refuses batches that cannot be shared evenly', () => {
    expect(() => dataParallel(program, { replicas: 3, batch: [leaves[0]!] })).toThrow('multiple of 3');
    expect(() => dataParallel(program, { replicas: 0, batch: [] })).toThrow('from 1 on');
  });

  it('leaves a program for one device as it is', () => {
    const { program: same, shared } = dataParallel(program, { replicas: 1, batch: [leaves[0]!] });
    expect([same.nodes.length, shared]).toEqual([program.nodes.length, []]);
  });
});
