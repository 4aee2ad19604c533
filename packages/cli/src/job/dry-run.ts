import { memoryLimit } from '@diptych/core/node';
import { formatInspection, pairs as inMemory, inspect, Quarantine } from '@diptych/data';
import type { TrainPlan } from '../config/train-plan.js';
import { useBackend } from '../engine/backends.js';
import { formatSeconds } from '../terminal/progress.js';
import { chooseMethod } from './choose-method.js';
import { splitData } from './split-data.js';

/** Prints what `train` would do: its data, its model, and what it would take, from a few measured steps. Writes no run. */
export async function dryRun(plan: TrainPlan): Promise<void> {
  await useBackend(plan.backend);
  const method = await chooseMethod(plan);
  const bad = new Quarantine({ quarantine: false });
  const split = await splitData(plan, method, bad);
  const { pairs, train, heldOut, batchSize } = split;
  const inspection = await inspect(inMemory([...pairs], { name: plan.data.name }), { samples: 3 });
  const { parts, stages, grows } = await method.measure(split);
  const measured = process.resourceUsage().maxRSS / 1024;
  const growing = grows.map(({ name, bytes }) => ({ name, MiB: bytes / 2 ** 20 }));
  const forecast = growing.reduce((sum, { MiB }) => sum + MiB, measured);
  if (plan.json) {
    const { data, seed, backend } = plan;
    const counts = { pairs: pairs.length, train: train.length, heldOut: heldOut.length, notUsable: bad.counts };
    const whole = {
      data: data.name,
      split: plan.split,
      seed,
      backend,
      steps: method.steps,
      batchSize,
      recipe: method.recipe,
    };
    console.log(
      JSON.stringify({
        ...whole,
        ...counts,
        parts,
        stages,
        peakRssMiB: forecast,
        memory: { measuredMiB: measured, growing },
        inspection,
      }),
    );
    return;
  }
  console.log(formatInspection(inspection));
  console.log(`\nnot usable      ${bad}`);
  console.log(`to train on     ${train.length}, held out ${heldOut.length} (split ${plan.split}, seed ${plan.seed})`);
  console.log(`engine          ${plan.backend}`);
  console.log(`steps           ${method.steps} of ${batchSize} pairs, at most`);
  for (const { name, parameters, trainable } of parts) {
    const note = trainable === parameters ? 'train' : trainable === 0 ? 'frozen' : `${count(trainable)} train`;
    console.log(`${name.padEnd(16)}${count(parameters).padStart(12)} parameters, ${note}`);
  }
  for (const { name, seconds } of stages) console.log(`${name.padEnd(28)} about ${formatSeconds(seconds)}`);
  const beyond = growing.map(({ name, MiB }) => `${name} ${Math.round(MiB)}`).join(', ');
  console.log(
    `memory          about ${Math.round(forecast)} MiB at the most: ${Math.round(measured)} so far (${memoryHere()} MiB here), ${beyond}`,
  );
  if (forecast > memoryHere()) console.warn('that is more than this machine has: take fewer pairs, or smaller batches');
  console.log(`recipe          ${JSON.stringify(method.recipe)}`);
}

/** MiB that this process may take. */
function memoryHere(): number {
  return Math.round(memoryLimit() / 2 ** 20);
}

function count(value: number): string {
  return value.toLocaleString('en');
}
