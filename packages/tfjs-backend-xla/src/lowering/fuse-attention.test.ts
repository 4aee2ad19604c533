import { type Builder, copyNode, Builder as GraphBuilder, type Program, rebuild, type Value } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../../test/cpu-plugin';
import { optimized, record, type Spec } from '../../test/recorder';
import { expectClose, normal, runProgram } from '../../test/run';
import { fuseAttention } from './fuse-attention';
import { lowerProgram } from './index';

const f32 = (...shape: number[]): Spec => ({ shape, dtype: 'float32' });
const HEADS = [2, 3, 6, 8];

/** As nn writes it. */
function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const scores = tf.mul(tf.matMul(q, k, false, true), 0.25);
  return tf.matMul(tf.softmax(bias ? tf.add(scores, bias) : scores), v);
}

const gradients = (...inputs: tf.Tensor[]) => {
  const [q, k, v, bias] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];
  const loss = (...xs: tf.Tensor[]) => tf.sum(tf.sin(attention(xs[0]!, xs[1]!, xs[2]!, bias)));
  return tf.grads(loss)([q, k, v]);
};

const operations = ({ nodes }: Program) => nodes.map(({ op }) => op);
const product = (b: Builder, x: Value, y: Value, transposeA: boolean, transposeB: boolean) => {
  const [rows, columns] = [x.shape.at(transposeA ? -1 : -2)!, y.shape.at(transposeB ? -2 : -1)!];
  return b.emit('BatchMatMul', [x, y], { transposeA, transposeB }, [...x.shape.slice(0, -2), rows, columns], 'float32');
};

/** What cuDNN's calls mean, in operations that any device has. */
function spelledOut(program: Program): Program {
  return rebuild(program, new GraphBuilder(), (node, inputs, b) => {
    if (!node.op.startsWith('FlashAttention')) return copyNode(node, inputs, b);
    const named = (name: string) => inputs[node.inputNames.indexOf(name)]!;
    const [q, k, v] = [named('q'), named('k'), named('v')];
    const scale = b.fill(node.attrs.scale as number);
    const scaled = b.binary('Multiply', product(b, q, k, false, true), scale);
    const logits = node.inputNames.includes('bias') ? b.binary('Add', scaled, named('bias')) : scaled;
    const weights = b.emit('Softmax', [logits], { dim: 3, axis: 3 }, logits.shape, 'float32', ['logits']);
    if (node.op === 'FlashAttention')
      return [product(b, weights, v, false, false), b.fill(0, node.outputs[1]?.shape ?? [])];
    const dy = named('dy');
    const towards = b.binary('Multiply', product(b, dy, v, false, true), weights);
    const sums = b.emit(
      'Sum',
      [towards],
      { axes: [3], axis: [3], keepDims: true },
      [...towards.shape.slice(0, 3), 1],
      'float32',
    );
    const inner = b.binary('Multiply', b.binary('Sub', towards, b.binary('Multiply', sums, weights)), scale);
    return [
      product(b, inner, k, false, false),
      product(b, inner, q, true, false),
      product(b, weights, dy, true, false),
    ];
  });
}

describe('attention as one operation', () => {
  it('is found forward, and with its gradients', () => {
    for (const bias of [[], [f32(2, 1, 1, 6)]]) {
      const specs = [f32(...HEADS), f32(...HEADS), f32(...HEADS), ...bias];
      const forward = fuseAttention(optimized(record(attention as never, specs).program));
      expect(operations(forward)).toEqual(['FlashAttention']);
      const back = operations(fuseAttention(optimized(record(gradients, specs).program)));
      expect(back.filter((op) => op.startsWith('Flash'))).toEqual(['FlashAttention', 'FlashAttentionGrad']);
      expect(back).not.toContain('Softmax');
      expect(back).not.toContain('BatchMatMul');
    }
  });

  it('is found where the gradient of the output does not depend on it', () => {
    const linear = (...inputs: tf.Tensor[]) => {
      const loss = (...xs: tf.Tensor[]) => tf.sum(attention(xs[0]!, xs[1]!, xs[2]!));
      const { value, grads } = tf.valueAndGrads(loss)(inputs);
      return [value, ...grads];
    };
    const specs = [f32(...HEADS), f32(...HEADS), f32(...HEADS)];
    const { nodes } = fuseAttention(optimized(record(linear, specs).program));
    const operationsOf = nodes.map(({ op }) => op);
    expect(operationsOf).toContain('FlashAttentionGrad');
    expect(operationsOf).not.toContain('Softmax');
  });

  it('is left where cuDNN does not take it', () => {
    const of = (shape: number[], fn: unknown = gradients, bias = [f32(1, 1, shape[2]!, shape[2]!)]) =>
      operations(
        fuseAttention(optimized(record(fn as never, [f32(...shape), f32(...shape), f32(...shape), ...bias]).program)),
      );
    expect(of([2, 3, 5, 8])).toContain('Softmax'); // an odd number of tokens, a bias and gradients
    expect(of([2, 3, 5, 8], gradients, [])).not.toContain('Softmax');
    expect(of([2, 3, 64, 8])).toContain('Softmax'); // half a tile, a bias and gradients
    expect(of([2, 3, 128, 8])).not.toContain('Softmax');
    expect(of([2, 3, 6, 12])).toContain('Softmax'); // widths that are no multiple of eight
    const dropped = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
      tf.matMul(tf.mul(tf.softmax(tf.matMul(q, k, false, true)), tf.cast(tf.greater(q, 0), 'float32')), v);
    expect(of([2, 3, 8, 8], dropped, [])).toContain('Softmax');
    const read = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => {
      const weights = tf.softmax(tf.matMul(q, k, false, true));
      return [weights, tf.matMul(weights, v)];
    };
    expect(of([2, 3, 8, 8], read, [])).toContain('Softmax');
  });

  it('is called only for bfloat16 on NVIDIA GPUs, and where it is asked for', () => {
    const { program } = record(gradients, [f32(...HEADS), f32(...HEADS), f32(...HEADS)]);
    const text = (options: object) =>
      lowerProgram(optimized(program), { precision: 'bf16', platform: 'cuda', ...options }).text;
    expect(text({ attention: 'cudnn' })).toContain('__cudnn$fmhaSoftmaxBackward');
    expect(text({ attention: 'cudnn', precision: 'f32' })).not.toContain('__cudnn');
    expect(text({ attention: 'cudnn', platform: 'cpu' })).not.toContain('__cudnn');
    expect(text({})).not.toContain('__cudnn');
  });
});

describe.skipIf(!cpuPlugin)(`attention as one operation, computed${reason}`, () => {
  it('means what was recorded', async () => {
    for (const bias of [[], [f32(2, 1, 1, 6)]]) {
      const specs = [f32(...HEADS), f32(...HEADS), f32(...HEADS), ...bias];
      const { program: recorded, leaves } = record(gradients, specs);
      const program = optimized(recorded);
      const data = specs.map(({ shape }, i) => normal(shape, i + 1).data);
      const find = (leaf: Value) => (leaf.data as Float32Array | null) ?? data[leaves.indexOf(leaf)]!;
      const expected = await runProgram(program, find);
      const ours = await runProgram(spelledOut(fuseAttention(program)), find);
      for (const [i, values] of expected.entries()) expectClose(ours[i]!, values, 1e-6);
    }
  });
});
