import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { takeRows } from '@diptych/core';
import { RUN_FILES } from '@diptych/core/node';
import { writeReport } from '@diptych/serve/training';
import { rankExamples } from '@diptych/train';
import { writeSafetensors } from '@diptych/weights/node';
import { save } from 'diptych';
import type { TrainPlan } from '../config/train-plan.js';
import type { Pair } from '../data/pair.js';
import { useBackend } from '../engine/backends.js';
import { formatSeconds } from '../terminal/progress.js';
import { openPage } from '../terminal/training-page.js';
import { evaluate } from './evaluate.js';
import { shownPairs } from './examples.js';
import type { Embedded } from './method.js';
import type { MetricsFile } from './metrics-file.js';
import { writeRunIndex } from './run-index.js';
import { type TrainedRun, trainStoppably } from './stoppable-training.js';
import { printSummary } from './summary.js';

/** How a start of a run ended. */
export type Outcome = 'finished' | 'interrupted';

/** Pairs in, a trained, evaluated and searchable model in a run folder out. With `watch` a page shows it meanwhile. */
export async function runTraining(plan: TrainPlan): Promise<Outcome> {
  const begin = performance.now();
  const page = await openPage(plan);
  try {
    await useBackend(plan.backend);
    const trained = await trainStoppably(plan, page !== undefined);
    if (!trained) return 'interrupted';
    try {
      await finish(plan, trained, begin);
    } catch (error) {
      trained.started.end('failed', (error as Error).message);
      throw error;
    }
    return 'finished';
  } finally {
    await page?.close();
  }
}

/** Evaluates a trained model and writes everything that a finished run has. */
async function finish(plan: TrainPlan, done: TrainedRun, begin: number): Promise<void> {
  const { run, started, trained, pairs, heldOut, bad, seconds } = done;
  const { model } = trained;
  const everything = await trained.embed(pairs);
  const embedded = rowsOf(everything, heldOut);
  const figures = await evaluate(model, embedded, plan.seed);
  await save(run.path, model);
  await writeHeldOut(join(run.path, 'heldout.safetensors'), embedded);
  await writeRunIndex(run.path, everything);
  await logExamples(started, embedded, done.method.steps);

  const metrics: MetricsFile = {
    ...figures,
    seconds: (performance.now() - begin) / 1000,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    seed: plan.seed,
    split: plan.split,
  };
  // the report shows them, and is there when the run counts as finished
  const facts = factsOf(plan, done, metrics);
  await writeReport(run.path, join(run.path, 'report.html'), { facts, metrics });
  await writeFile(join(run.path, RUN_FILES.metrics), `${JSON.stringify(metrics, null, 2)}\n`);
  started.end('done');
  if (plan.json) console.log(JSON.stringify({ run: run.path, ...metrics }));
  else printSummary(relative(process.cwd(), run.path) || '.', metrics, seconds, String(bad));
  trained.dispose();
  model.dispose();
}

/** The examples of the end: of all held-out pairs. */
async function logExamples(
  started: TrainedRun['started'],
  { pairs, image, text }: Embedded,
  step: number,
): Promise<void> {
  const ids = pairs.map((pair) => pair.image);
  const captions = pairs.map((pair) => pair.text.trim().toLowerCase());
  const examples = await rankExamples({ image, text, ids, captions });
  started.showPairs(shownPairs(pairs));
  await started.log.write({ kind: 'examples', step, ...examples });
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

/** What the report says of how the run came about, beside its configuration. */
function factsOf(
  plan: TrainPlan,
  { bad, trained, seconds }: TrainedRun,
  { candidates, split, seed, seconds: whole, peakRssMiB }: MetricsFile,
): (readonly [string, string])[] {
  return [
    ['pairs', plan.data.about],
    ['held out', `${candidates}, split ${split}, seed ${seed}`],
    ['not usable', String(bad)],
    ['training', `${trained.training} in ${formatSeconds(seconds)}`],
    ['whole run', `${formatSeconds(whole)}, at most ${Math.round(peakRssMiB)} MiB of memory`],
    ['engine', plan.backend],
  ];
}
