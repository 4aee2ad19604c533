import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Json, TowerOutputs } from '@diptych/core';
import { DataLoader, Quarantine } from '@diptych/data';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { Trainer } from '@diptych/train';
import { jsonlLog } from '@diptych/train/node';
import { writeSafetensors } from '@diptych/weights/node';
import { JointModel, type Matrix, save } from 'diptych';
import type { TrainPlan } from '../config/train-plan.js';
import { captionedSource } from '../data/captions.js';
import type { Pair } from '../data/pair.js';
import { splitPairs } from '../data/split.js';
import { useBackend } from '../engine/backends.js';
import { readHistory } from '../report/history.js';
import type { ReportInput } from '../report/report.js';
import { writeReport } from '../report/write-report.js';
import { searchCommand, trainCommand } from '../terminal/command-names.js';
import { formatSeconds, type Progress, showProgress } from '../terminal/progress.js';
import { batchSizeFor } from './batch-size.js';
import { evaluate } from './evaluate.js';
import type { MetricsFile } from './metrics-file.js';
import { CONFIG_FILE, METRICS_FILE, openRun, type RunFolder } from './runs.js';
import { writeIndex } from './search-index.js';
import { buildModel, buildTraining, pictureTransform, RECIPE } from './small-recipe.js';
import { VOCABULARY } from './vocabulary.js';

/** Every step as JSON, over all starts of a run. */
const LOG_FILE = 'steps.jsonl';
const CHECKPOINT_EVERY = 100;

/** How a start of a run ended. */
export type Outcome = 'finished' | 'interrupted';

/** The main job: pairs in, a trained, evaluated and searchable model in a run folder out. */
export async function runTraining(plan: TrainPlan): Promise<Outcome> {
  const begin = performance.now();
  await useBackend(plan.backend);
  const steps = plan.steps ?? (plan.quick ? RECIPE.quickSteps : RECIPE.steps);
  const run = openRun(plan.runs, runConfig(plan, steps), plan);
  const bad = new Quarantine({ quarantine: join(run.path, 'quarantine.jsonl') });
  const transform = pictureTransform();
  const pairs = await plan.data.read(transform, bad.reject);
  const { train, heldOut } = splitPairs(pairs, plan.split, plan.seed);
  const batchSize = batchSizeFor(train, heldOut, {
    largest: RECIPE.batchSize,
    where: plan.data.name,
    warn: console.warn,
  });
  console.log(
    `${pairs.length} pairs: ${train.length} to train on, ${heldOut.length} held out (split ${plan.split}, seed ${plan.seed}); ${run.path}`,
  );
  if (!run.resumes)
    await writeFile(join(run.path, CONFIG_FILE), `${JSON.stringify(runConfig(plan, steps), null, 2)}\n`);

  const tokenizer = openTokenizer(VOCABULARY);
  const { maxLength, padToMultipleOf } = RECIPE;
  const loader = new DataLoader(captionedSource(train), {
    transform,
    tokenizer,
    maxLength,
    padToMultipleOf,
    strict: true,
    batchSize,
    seed: plan.seed,
    captions: 'random',
    shuffle: true,
    dropLast: true,
    cache: 'decoded',
  });
  const encoder = buildModel(tokenizer.vocabSize, plan.seed, plan.wordVectors);
  const trainer = new Trainer(encoder, { ...buildTraining(steps), seed: plan.seed });
  const trained = performance.now();
  if (!(await trainUntilDone(trainer, loader, steps, run.path))) {
    console.log(`\nsaved at step ${trainer.step}; the next ${trainCommand()} goes on from there`);
    return 'interrupted';
  }
  const trainSeconds = (performance.now() - trained) / 1000;

  const model = new JointModel({ encoder, transform, tokenizer, tokenize: { maxLength, padToMultipleOf } });
  const embedded = await embed(model, heldOut);
  const figures = await evaluate(model, embedded.image, embedded.text, plan.seed);
  await save(run.path, model);
  await writeHeldOut(join(run.path, 'heldout.safetensors'), embedded);
  const everything = await embed(model, pairs);
  await writeIndex(run.path, { ...everything, pictures: pairs });

  const metrics: MetricsFile = {
    ...figures,
    seconds: (performance.now() - begin) / 1000,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    seed: plan.seed,
    split: plan.split,
  };
  await writeReport(join(run.path, 'report.html'), {
    facts: facts(plan, metrics, `${steps} steps of ${batchSize} pairs in ${formatSeconds(trainSeconds)}`, bad),
    metrics,
    history: readHistory(join(run.path, LOG_FILE)),
    ...embedded,
  });
  await writeFile(join(run.path, METRICS_FILE), `${JSON.stringify(metrics, null, 2)}\n`);
  printSummary(run, metrics, trainSeconds, bad);
  trainer.dispose();
  model.dispose();
  return 'finished';
}

/** @returns false if it was interrupted, with its state saved */
async function trainUntilDone<Outputs extends TowerOutputs>(
  trainer: Trainer<Outputs>,
  loader: DataLoader,
  steps: number,
  folder: string,
): Promise<boolean> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  let progress: Progress | undefined;
  try {
    const { stopped } = await trainer.fit(loader, {
      steps,
      signal: stop.signal,
      checkpoint: folder,
      checkpointEvery: { steps: CHECKPOINT_EVERY },
      resume: true,
      log: jsonlLog(join(folder, LOG_FILE)),
      onStep: (report) => {
        progress ??= showProgress(steps, report.step - 1);
        progress.update(report);
      },
      onEvent: (event) => {
        if (event.kind === 'resumed') console.log(`going on from step ${event.step}`);
        else if (event.kind === 'warning' || event.kind === 'checkpointFailed' || event.kind === 'checkpointDamaged')
          console.warn(event.message);
      },
    });
    return stopped === 'done';
  } finally {
    progress?.stop();
    process.removeListener('SIGINT', interrupt);
    await loader.close();
  }
}

/** Pairs and their embeddings: row i of both is pair i. */
interface Embedded {
  readonly pairs: readonly Pair[];
  readonly image: Matrix;
  readonly text: Matrix;
}

async function embed(model: JointModel, pairs: readonly Pair[]): Promise<Embedded> {
  const images = pairs.map(({ image }) => image);
  const texts = pairs.map(({ text }) => text);
  const { batchSize } = RECIPE;
  return {
    pairs,
    image: await model.embedImages(images, { batchSize }),
    text: await model.embedTexts(texts, { batchSize }),
  };
}

async function writeHeldOut(path: string, { pairs, image, text }: Embedded): Promise<void> {
  await writeSafetensors(
    path,
    {
      image: { dtype: 'float32', shape: [...image.shape], data: image.data },
      text: { dtype: 'float32', shape: [...text.shape], data: text.data },
    },
    { metadata: { ids: JSON.stringify(pairs.map(({ id }) => id)) } },
  );
}

/** What makes two runs the same run; kept in the folder. */
function runConfig({ split, seed, data, quick }: TrainPlan, steps: number): Json {
  return { data: data.name, split, seed, steps, quick, recipe: RECIPE };
}

function facts(plan: TrainPlan, metrics: MetricsFile, training: string, bad: Quarantine): ReportInput['facts'] {
  return [
    ['pairs', plan.data.about],
    ['held out', `${metrics.candidates}, split ${metrics.split}, seed ${metrics.seed}`],
    ['not usable', bad.toString()],
    ['training', training],
    ['whole run', `${formatSeconds(metrics.seconds)}, at most ${Math.round(metrics.peakRssMiB)} MiB of memory`],
    ['engine', plan.backend],
    [
      'recipe',
      Object.entries(RECIPE)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
  ];
}

function printSummary(run: RunFolder, metrics: MetricsFile, trainSeconds: number, bad: Quarantine): void {
  const share = (x: number) => x.toFixed(3);
  const line = (name: string, values: readonly (number | string)[]) =>
    console.log(
      `${name.padEnd(16)}${values.map((value) => (typeof value === 'number' ? share(value) : value).padStart(9)).join('')}`,
    );
  const { textToImage, imageToText, chance, matching, rerank } = metrics;
  console.log('');
  line('', ['R@1', 'R@5', 'R@10', 'median']);
  line('text to image', [
    textToImage['recall@1'],
    textToImage['recall@5'],
    textToImage['recall@10'],
    String(textToImage.medianRank),
  ]);
  line('image to text', [
    imageToText['recall@1'],
    imageToText['recall@5'],
    imageToText['recall@10'],
    String(imageToText.medianRank),
  ]);
  line('chance', [
    chance['recall@1'],
    chance['recall@5'],
    chance['recall@10'],
    String(Math.ceil(metrics.candidates / 2)),
  ]);
  console.log(`matching accuracy ${share(matching.accuracy)}, with pictures shuffled ${share(matching.shuffled)}`);
  console.log(`R@1 text to image with the best 50 re-ranked by the matcher ${share(rerank['recall@1'])}`);
  console.log(`not usable: ${bad}`);
  console.log(
    `training ${formatSeconds(trainSeconds)}, whole run ${formatSeconds(metrics.seconds)}, peak memory ${Math.round(metrics.peakRssMiB)} MiB`,
  );
  const path = relative(process.cwd(), run.path) || '.';
  const search = searchCommand();
  const row = (command: string, what: string) => `  ${command.padEnd(search.length + 34)}${what}`;
  console.log(`\nTry next:
${row(`${search} "a red heart"`, 'pictures for words')}
${row(`${search} "a red heart" --rerank 50`, 'the same, looked at again by the fused matcher')}
${row(`${search} --image some/picture.png`, 'pictures like a picture')}
  open ${join(path, 'report.html')}`);
}
