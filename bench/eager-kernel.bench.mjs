// What recording one kernel costs outside of compile(): a chain of 200 additions, recorded and not yet read.
import './lib/backend.mjs';
import * as tf from '@tensorflow/tfjs-core';
import { pooled } from './lib/samples.mjs';
import { line } from './lib/statistics.mjs';

const [ROUNDS, KERNELS] = [60, 200];

export default {
  names: ['eager_kernel'],

  async measure() {
    const x = tf.tensor1d(new Float32Array(4096).fill(1));
    const one = tf.scalar(1);
    const microseconds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      const result = tf.tidy(() => {
        let y = x;
        for (let i = 0; i < KERNELS; i++) y = tf.add(y, one);
        return y;
      });
      microseconds.push(((performance.now() - start) * 1000) / KERNELS);
      const values = await result.data();
      if (values[0] !== 1 + KERNELS) throw new Error(`the chain gave ${values[0]}`);
      result.dispose();
    }
    return { microseconds: microseconds.slice(10) };
  },

  lines: ({ ours }) => [line('eager_kernel', 'us/kernel', pooled(ours, 'microseconds'), { must: 10, aim: 5 })],
};
