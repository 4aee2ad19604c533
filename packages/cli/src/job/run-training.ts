import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type JsonObject, takeRows } from '@diptych/core';
import { Quarantine } from '@diptych/data';
import { writeSafetensors } from '@diptych/weights/node';
import { save } from 'diptych';
import type { TrainPlan } from '../config/train-plan.js';
import { manyCaptions } from '../data/many-captions.js';
import type { Pair } from '../data/pair.js';
import { useBackend } from '../engine/backends.js';
import { readHistory } from '../report/history.js';
import type { ReportInput } from '../report/report.js';
import { writeReport } from '../report/write-report.js';
import { interruptible } from '../terminal/interruption.js';
import { formatSeconds } from '../terminal/progress.js';
import { say } from '../terminal/say.js';
import { chooseMethod } from './choose-method.js';
import { evaluate } from './evaluate.js';
import { type Embedded, LOG_FILE, type Method } from './method.js';
import type { MetricsFile } from './metrics-file.js';
import { writeRunIndex } from './run-index.js';
import { CONFIG_FILE, METRICS_FILE, openRun } from './runs.js';
import { splitData } from './split-data.js';
import { printSummary } from './summary.js';

/** How a start of a run ended. */
export type Outcome = 'finished' | 'interrupted';

/** Pairs in, a trained, evaluated and searchable model in a run folder out. */
export async function runTraining(plan: TrainPlan): Promise<Outcome> {
  const begin = performance.now();
  await useBackend(plan.backend);
  const method = await chooseMethod(plan);
  const config = runConfig(plan, method);
  const run = openRun(plan.runs, config, plan);
  const bad = new Quarantine({ quarantine: join(run.path, 'quarantine.jsonl') });
  const split = await splitData(plan, method, bad);
  const { pairs, train, heldOut } = split;
  say(
    `${pairs.length} pairs: ${train.length} to train on, ${heldOut.length} held out (split ${plan.split}, seed ${plan.seed}); ${run.path}`,
  );
  const note = manyCaptions(pairs);
  if (note) console.warn(note);
  if (!run.resumes) await writeFile(join(run.path, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`);

  const started = performance.now();
  const trained = await interruptible((signal) => method.train({ ...split, run, signal }));
  if (!trained) return 'interrupted';
  const trainSeconds = (performance.now() - started) / 1000;

  const { model, training } = trained;
  const everything = await trained.embed(pairs);
  const embedded = rowsOf(everything, heldOut);
  const figures = await evaluate(model, embedded, plan.seed);
  await save(run.path, model);
  await writeHeldOut(join(run.path, 'heldout.safetensors'), embedded);
  await writeRunIndex(run.path, everything);

  const metrics: MetricsFile = {
    ...figures,
    seconds: (performance.now() - begin) / 1000,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    seed: plan.seed,
    split: plan.split,
  };
  await writeReport(join(run.path, 'report.html'), {
    facts: facts(plan, method, metrics, `${training} in ${formatSeconds(trainSeconds)}`, bad),
    metrics,
    history: readHistory(join(run.path, LOG_FILE)),
    ...embedded,
  });
  await writeFile(join(run.path, METRICS_FILE), `${JSON.stringify(metrics, null, 2)}\n`);
  if (plan.json) console.log(JSON.stringify({ run: run.path, ...metrics }));
  else printSummary(relative(process.cwd(), run.path) || '.', metrics, trainSeconds, String(bad));
  trained.dispose();
  model.dispose();
  return 'finished';
}

/** The embeddings of some of the pairs. */
function rowsOf({ pairs, image, text }: Embedded, some: readonly Pair[]): Embedded {
  const places = new Map(pairs.map((pair, place) => [pair, place]));
  const rows = some.map((pair) => places.get(pair)!);
  return { pairs: some, image: takeRows(image, rows), text: takeRows(text, rows) };
}

async function writeHeldOut(path: string, { pairs, image, text }: Embedded): Promise<void> {
  await writeSafetensors(
    path,
    {
      image: { dtype: 'float32', shape: [...image.shape], data: image.data },
      text: { dtype: 'float32', shape: [...text.shape], data: text.data },
    },
    {
      metadata: {
        ids: JSON.stringify(pairs.map(({ id }) => id)),
        texts: JSON.stringify(pairs.map((pair) => pair.text)),
        images: JSON.stringify(pairs.map((pair) => pair.image)),
      },
    },
  );
}

/** What makes two runs the same run; kept in the folder. */
function runConfig({ split, seed, data, quick }: TrainPlan, { recipe, steps }: Method): JsonObject {
  return { data: data.name, split, seed, steps, quick, recipe };
}

function facts(
  plan: TrainPlan,
  { recipe }: Method,
  metrics: MetricsFile,
  training: string,
  bad: Quarantine,
): ReportInput['facts'] {
  return [
    ['pairs', plan.data.about],
    ['held out', `${metrics.candidates}, split ${metrics.split}, seed ${metrics.seed}`],
    ['not usable', bad.toString()],
    ['training', training],
    ['whole run', `${formatSeconds(metrics.seconds)}, at most ${Math.round(metrics.peakRssMiB)} MiB of memory`],
    ['engine', plan.backend],
    [
      'recipe',
      Object.entries(recipe)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
  ];
}
