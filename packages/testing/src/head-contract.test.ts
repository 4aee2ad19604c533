import '@tensorflow/tfjs-backend-cpu';
import type { Head } from '@diptych/core';
import { Classification, Regression } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { runChecks } from './check.js';
import { headChecks, testHead } from './head-contract.js';

beforeAll(() => tf.setBackend('cpu'));
const runner = { describe, it };

const classes = (rows: number, seed: number) => Int32Array.from({ length: rows }, (_, i) => (i * 5 + seed) % 3);
testHead(runner, 'Classification', { create: () => new Classification({ embedDim: 6, classes: 3 }), labels: classes });
testHead(runner, 'Classification of several labels', {
  create: () => new Classification({ embedDim: 6, classes: 2, multiLabel: true, on: 'image' }),
  labels: (rows, seed) => Float32Array.from({ length: rows * 2 }, (_, i) => (i * 7 + seed) % 2),
});
testHead(runner, 'Regression', {
  create: () => new Regression({ embedDim: 6, on: 'text' }),
  labels: (rows, seed) => Float32Array.from({ length: rows }, (_, i) => Math.sin(i + seed)),
});

describe('a broken head is found out', () => {
  const cases: [string, (head: Head) => Partial<Head>, string][] = [
    [
      'predictions that see the batch',
      (head) => ({ forward: (x) => tf.sub(head.forward(x), tf.mean(head.forward(x), 0)) }),
      'predicts a row the same',
    ],
    ['a loss a row', () => ({ loss: (y) => tf.sum(y, 1) }), 'gives a finite scalar loss'],
    [
      'a loss of rows without a label',
      () => ({ loss: (y) => tf.mean(tf.square(y)) }),
      'does not count rows without a label',
    ],
    [
      'a loss that nothing moves',
      () => ({ loss: (_, labels) => tf.mean(tf.cast(labels, 'float32')) }),
      'gets a gradient',
    ],
    [
      'a mean over no rows',
      () => ({ loss: (y, labels) => tf.div(tf.sum(y), tf.sum(tf.cast(tf.greaterEqual(labels, 0), 'float32'))) }),
      'has a finite loss where no row',
    ],
    [
      'a vector for all rows',
      (head) => ({ values: (y) => head.values({ data: new Float32Array(y.shape[1]), shape: [1, y.shape[1]] }) }),
      'gives numbers that can be read',
    ],
    ['no place', () => ({ on: 'joint' as 'fused' }), 'says where it reads'],
  ];
  it.each(cases)('%s', async (_, change, failing) => {
    const create = () => {
      const head = new Classification({ embedDim: 6, classes: 3 });
      const parts = ['namedParameters', 'namedBuffers', 'dispose', 'forward', 'loss', 'metrics', 'values'] as const;
      const plain = Object.fromEntries(parts.map((name) => [name, (head[name] as () => unknown).bind(head)]));
      return { embedDim: 6, on: head.on, ...plain, ...change(head) } as Head;
    };
    const names = (await runChecks(headChecks({ create, labels: classes }))).map(({ name }) => name);
    expect(
      names.some((name) => name.startsWith(failing)),
      names.join() || 'nothing failed',
    ).toBe(true);
  });
});
