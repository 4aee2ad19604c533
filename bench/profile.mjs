// node bench/profile.mjs seed|small [steps] [threads]: where the time of a training step goes, by ONNX operator and by node.
// Each node counts with its fastest run, so that other programs on the machine hardly show. Needs the weights that
// `npm run bench -- seed-step` (or small-step) leaves in .cache/bench.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useOnnxRuntime } from '@diptych/tfjs-backend-onnxruntime';
import { AdamW, Trainer } from '@diptych/train';
import { BenchLoss, buildModel, makeBatch, readState } from './lib/dual-model.mjs';

const [size = 'small', steps = '6', threads = '1'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'diptych-profile-'));
useOnnxRuntime({
  intraOpNumThreads: Number(threads),
  session: { enableProfiling: true, profileFilePrefix: join(folder, 'profile') },
});
const model = buildModel(size);
readState(fileURLToPath(new URL(`../.cache/bench/${size}-step`, import.meta.url)), model);
const trainer = new Trainer(model, {
  loss: new BenchLoss(),
  optimizer: new AdamW({ learningRate: 5e-5, decayOn: 'all' }),
  rhythmEvery: 0,
});
const batch = makeBatch();
const times = [process.cpuUsage().user];
await trainer.fit(
  { epoch: () => [batch] },
  { epochs: Number(steps), onStep: () => void times.push(process.cpuUsage().user) },
);
console.log(
  'processor ms a step:',
  times
    .slice(1)
    .map((time, i) => Math.round((time - times[i]) / 1000))
    .join(' '),
);
trainer.dispose?.();
model.dispose();
// ONNX Runtime writes a profile when its session ends, at the latest when the process does.
process.on('exit', () => {
  for (const file of readdirSync(folder)) report(join(folder, file));
  rmSync(folder, { recursive: true });
});

function report(file) {
  const text = readFileSync(file, 'utf8').trimEnd();
  const events = JSON.parse(text.endsWith(']') ? text : `${text.replace(/,\s*$/, '')}]`);
  const fastest = new Map();
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
    const known = fastest.get(name);
    if (!known || dur < known.dur)
      fastest.set(name, { name, dur, op: args.op_name, shapes: args.input_type_shape, to: args.output_type_shape });
  }
  const nodes = [...fastest.values()].sort((a, b) => b.dur - a.dur);
  const total = nodes.reduce((sum, { dur }) => sum + dur, 0);
  if (total < 20_000) return;
  console.log(`\n${nodes.length} nodes, ${(total / 1000).toFixed(0)} ms`);
  const byOp = Map.groupBy ? Map.groupBy(nodes, ({ op }) => op) : groupBy(nodes);
  const rows = [...byOp].map(([op, list]) => [op, list.length, list.reduce((sum, { dur }) => sum + dur, 0)]);
  for (const [op, count, dur] of rows.sort((a, b) => b[2] - a[2]).slice(0, 25)) {
    console.log(
      `${op.padEnd(26)} ${String(count).padStart(5)} ${(dur / 1000).toFixed(1).padStart(9)} ms ${((100 * dur) / total).toFixed(1).padStart(5)} %`,
    );
  }
  for (const { name, dur, shapes, to } of nodes.slice(0, 40)) {
    const shape = (list) => (list ?? []).map((value) => `[${Object.values(value)[0]}]`).join(' ');
    console.log(
      `  ${(dur / 1000).toFixed(2).padStart(7)} ms  ${name.replace('_kernel_time', '')}  ${shape(shapes)} -> ${shape(to)}`,
    );
  }
}

function groupBy(nodes) {
  const groups = new Map();
  for (const node of nodes) groups.set(node.op, [...(groups.get(node.op) ?? []), node]);
  return groups;
}
