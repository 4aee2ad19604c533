// Runs one program on a device that is there, and says how fast, as JSON on the last line. A process of its own for each, so that one's memory
// is not counted with another's.
import { join } from 'node:path';
import { findPlugin, Plugin } from '@diptych/pjrt';
import { root } from '../packages.mjs';
import { record } from './programs.mjs';
import { compileStep, timed } from './run-steps.mjs';

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

const trace = await record({ name, batch, tiny });
const path = findPlugin(pluginName) ?? findPlugin(pluginName, { cache: join(root, '.cache/pjrt'), env: {} });
if (path === undefined) throw new Error(`no plugin ${pluginName}: npx diptych-pjrt install ${pluginName}`);
const client = await Plugin.load(path).createClient();
const { executable, seconds: cold, run } = await compileStep(client, trace, { precision, attention });

/** Seconds to load the compiled program from its bytes; null for plugins that cannot. */
const cached = await timed(async () => (await client.load(executable.serialize())).dispose()).then(
  ({ seconds }) => seconds,
  () => null,
);
const runs = [];
for (let step = 0; step < WARM_UP + steps; step++) runs.push(await timed(run));
const sorted = runs
  .slice(WARM_UP)
  .map(({ seconds }) => seconds)
  .sort((a, b) => a - b);
const median = sorted[Math.floor(sorted.length / 2)];
const [device] = client.devices;
console.log(
  JSON.stringify({
    device: device.kind,
    platform: client.platform,
    cold,
    cached,
    first: runs[0].seconds,
    median,
    best: sorted[0],
    perSecond: batch / median,
    planned: executable.memory(),
    used: device.memoryStats(),
    losses: runs.map(({ result }) => result[0]),
  }),
);
process.exit(0);
