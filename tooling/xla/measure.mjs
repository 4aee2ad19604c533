// Runs one program on a device that is there, and says how fast, as JSON on the last line. A process of its own for each, so that one's memory
// is not counted with another's.
import { join } from 'node:path';
import { findPlugin, Plugin } from '@diptych/pjrt';
import { lowerProgram } from '@diptych/tfjs-backend-xla';
import { root } from '../packages.mjs';
import { prepared, record } from './programs.mjs';

const {
  name,
  batch,
  precision,
  plugin: pluginName,
  attention = 'xla',
  tiny = false,
  steps = 20,
} = JSON.parse(process.argv[2]);
const WARM_UP = 3;
const DTYPES = { float32: 'f32', int32: 's32', bool: 'pred' };

const trace = await record({ name, batch, tiny });
const { program, aliases } = prepared(trace);
const path = findPlugin(pluginName) ?? findPlugin(pluginName, { cache: join(root, '.cache/pjrt'), env: {} });
if (path === undefined) throw new Error(`no plugin ${pluginName}: npx diptych-pjrt install ${pluginName}`);
const client = await Plugin.load(path).createClient();
const { text, flags } = lowerProgram(program, { precision, platform: client.platform, aliases, attention });

const seconds = async (work) => {
  const began = performance.now();
  const result = await work();
  return [result, (performance.now() - began) / 1000];
};
const [executable, cold] = await seconds(() => client.compile(text, { flags }));
const [, cached] = await seconds(async () => (await client.load(executable.serialize())).dispose()).catch(() => [
  undefined,
  null,
]);

const inputs = program.inputs.map((leaf) => {
  const data = trace.dataOf(leaf);
  return client.upload(data, leaf.shape, { dtype: DTYPES[leaf.dtype] });
});
const times = [];
const losses = [];
for (let step = 0; step < WARM_UP + steps; step++) {
  const began = performance.now();
  const outputs = executable.execute(inputs);
  for (const [input, output] of aliases) inputs[input] = outputs[output];
  const [first] = await outputs[0].read();
  times.push((performance.now() - began) / 1000);
  losses.push(first);
  const kept = new Set(aliases.values());
  outputs.forEach((output, i) => {
    if (!kept.has(i)) output.dispose();
  });
}
const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
const device = client.devices[0];
console.log(
  JSON.stringify({
    device: device.kind,
    platform: client.platform,
    cold,
    cached,
    first: times[0],
    median: sorted[Math.floor(sorted.length / 2)],
    best: sorted[0],
    perSecond: batch / sorted[Math.floor(sorted.length / 2)],
    planned: executable.memory(),
    used: device.memoryStats(),
    losses,
  }),
);
process.exit(0);
