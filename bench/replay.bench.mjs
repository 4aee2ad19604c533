// What a compiled function costs when there is nothing to compute: x + 1 on four numbers, called and disposed.
import './lib/backend.mjs';
import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { pooled } from './lib/samples.mjs';
import { line } from './lib/statistics.mjs';

const [ROUNDS, CALLS] = [20, 500];

export default {
  names: ['replay_trivial'],

  async measure() {
    const f = compile((x) => tf.add(x, 1));
    const x = tf.tensor1d([1, 2, 3, 4]);
    const microseconds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      for (let call = 0; call < CALLS; call++) f(x).dispose();
      microseconds.push(((performance.now() - start) * 1000) / CALLS);
    }
    const check = await f(x).data();
    if (check[3] !== 5) throw new Error(`replay gave ${check}`);
    return { microseconds: microseconds.slice(2) };
  },

  lines: ({ ours }) => [line('replay_trivial', 'us/call', pooled(ours, 'microseconds'), { must: 100, aim: 30 })],
};
