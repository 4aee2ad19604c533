// What a call of a compiled program costs from Node: enqueue a trivial one and free its output; a step with 500 donated arrays.

import { fileURLToPath } from 'node:url';
import { findPlugin, installPlugin, Plugin } from '@diptych/pjrt';
import { pooled } from './lib/samples.mjs';
import { line } from './lib/statistics.mjs';

const [ROUNDS, CALLS, ARRAYS] = [30, 2000, 500];
const cache = fileURLToPath(new URL('../.cache/pjrt', import.meta.url));

const ADD = `module { func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %a, %a : tensor<4xf32>
  return %0 : tensor<4xf32>
} }`;

/** Adds one to each of many arrays, in place. */
function manyArrays() {
  const type = 'tensor<256xf32>';
  const each = Array.from({ length: ARRAYS }, (_, i) => i);
  const types = each.map(() => type).join(', ');
  return `module { func.func @main(${each.map((i) => `%a${i}: ${type} {tf.aliasing_output = ${i} : i32}`).join(', ')}) -> (${types}) {
  %one = stablehlo.constant dense<1.0> : ${type}
${each.map((i) => `  %b${i} = stablehlo.add %a${i}, %one : ${type}`).join('\n')}
  return ${each.map((i) => `%b${i}`).join(', ')} : ${types}
} }`;
}

/** Microseconds of a call, over rounds. */
async function microseconds(rounds, calls, call) {
  const samples = [];
  for (let round = -10; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    if (round >= 0) samples.push(((performance.now() - start) * 1000) / calls);
    // collected handles are taken off the books between the rounds
    await new Promise(setImmediate);
  }
  return samples;
}

export default {
  names: ['pjrt_call', 'pjrt_call_and_read', 'pjrt_step_500_donated'],

  /** 63 MB from Python's package index, unless a plugin is there. */
  prepare: async () => ({
    path: findPlugin('cpu') ?? findPlugin('cpu', { cache }) ?? (await installPlugin('cpu', { cache })).path,
  }),

  async measure() {
    const path = findPlugin('cpu') ?? findPlugin('cpu', { cache });
    const client = await Plugin.load(path).createClient();
    const add = await client.compile(ADD);
    const x = client.upload(new Float32Array(4), [4]);
    const call = await microseconds(ROUNDS, CALLS, () => add.execute([x])[0].dispose());
    const into = new Float32Array(4);
    const callAndRead = await microseconds(ROUNDS, CALLS, () => {
      const [y] = add.execute([x]);
      y.readSync({ into });
      y.dispose();
    });
    const step = await client.compile(manyArrays());
    let state = Array.from({ length: ARRAYS }, () => client.upload(new Float32Array(256), [256]));
    const donated = await microseconds(ROUNDS, 10, () => {
      state = step.execute(state);
    });
    const values = await state[ARRAYS - 1].read();
    if (values[0] !== (ROUNDS + 10) * 10) throw new Error(`the steps gave ${values[0]}`);
    client.dispose();
    return { call, callAndRead, donated };
  },

  lines: ({ ours }) => [
    line('pjrt_call', 'us/call', pooled(ours, 'call'), { must: 15 }),
    line('pjrt_call_and_read', 'us/call', pooled(ours, 'callAndRead')),
    line('pjrt_step_500_donated', 'us/step', pooled(ours, 'donated')),
  ],
};
