import { writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Json, TowerOutputs } from '@diptych/core';
import { DataLoader, Quarantine } from '@diptych/data';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { Trainer } from '@diptych/train';
import { jsonlLog } from '@diptych/train/node';
import { writeSafetensors } from '@diptych/weights/node';
import { JointModel, type Matrix, save } from 'diptych';
import { useBackend } from './backends.js';
import type { Pair } from './emoji.js';
import { evaluate } from './evaluate.js';
import { readHistory } from './history.js';
import type { MetricsFile } from './metrics-file.js';
import { buildModel, buildTraining, pictureTransform, RECIPE } from './model.js';
import type { TrainOptions } from './options.js';
import { batchSizeFor, emojiPairs, jsonlPairs, sourceOf } from './pair-list.js';
import { formatSeconds, type Progress, showProgress } from './progress.js';
import type { ReportInput } from './report.js';
import { CONFIG_FILE, METRICS_FILE, openRun, type RunFolder } from './runs.js';
import { writeIndex } from './search-index.js';
import { splitPairs } from './split.js';
import { VOCABULARY } from './vocabulary.js';
import { writeReport } from './write-report.js';

/** Every step as JSON, over all starts of a run. */
const LOG_FILE = 'steps.jsonl';
const CHECKPOINT_EVERY = 100;

/** How a start of the example ended. */
export type Outcome = 'finished' | 'interrupted';

/** The main job: pairs in, a trained, evaluated and searchable model in a run folder out. */
export async function runTraining(options: TrainOptions): Promise<Outcome> {
  const begin = performance.now();
  await useBackend(options.backend);
  const steps = options.steps ?? (options.quick ? RECIPE.quickSteps : RECIPE.steps);
  const run = openRun(options.runs, runConfig(options, steps), options);
  const bad = new Quarantine({ quarantine: join(run.path, 'quarantine.jsonl') });
  const transform = pictureTransform();
  const pairs = options.data === undefined ? emojiPairs() : await jsonlPairs(options.data, transform, bad.reject);
  const { train, heldOut } = splitPairs(pairs, options.split, options.seed);
  const batchSize = batchSizeFor(train, heldOut, {
    largest: RECIPE.batchSize,
    where: options.data ?? 'emoji pairs',
    warn: console.warn,
  });
  console.log(
    `${pairs.length} pairs: ${train.length} to train on, ${heldOut.length} held out (split ${options.split}, seed ${options.seed}); ${run.path}`,
  );
  if (!run.resumes)
    await writeFile(join(run.path, CONFIG_FILE), `${JSON.stringify(runConfig(options, steps), null, 2)}\n`);

  const tokenizer = openTokenizer(VOCABULARY);
  const { maxLength, padToMultipleOf } = RECIPE;
  const loader = new DataLoader(sourceOf(train), {
    transform,
    tokenizer,
    maxLength,
    padToMultipleOf,
    strict: true,
    batchSize,
    seed: options.seed,
    captions: 'random',
    shuffle: true,
    dropLast: true,
    cache: 'decoded',
  });
  const encoder = buildModel(tokenizer.vocabSize, options.seed);
  const trainer = new Trainer(encoder, { ...buildTraining(steps), seed: options.seed });
  const trained = performance.now();
  if (!(await trainUntilDone(trainer, loader, steps, run.path))) {
    console.log(`\nsaved at step ${trainer.step}; the next npm start goes on from there`);
    return 'interrupted';
  }
  const trainSeconds = (performance.now() - trained) / 1000;

  const model = new JointModel({ encoder, transform, tokenizer, tokenize: { maxLength, padToMultipleOf } });
  const embedded = await embed(model, heldOut);
  const figures = await evaluate(model, embedded.image, embedded.text, options.seed);
  await save(run.path, model);
  await writeHeldOut(join(run.path, 'heldout.safetensors'), embedded);
  const everything = await embed(model, pairs);
  await writeIndex(run.path, { ...everything, pictures: pairs });

  const metrics: MetricsFile = {
    ...figures,
    seconds: (performance.now() - begin) / 1000,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    seed: options.seed,
    split: options.split,
  };
  await writeReport(join(run.path, 'report.html'), {
    facts: facts(options, metrics, `${steps} steps of ${batchSize} pairs in ${formatSeconds(trainSeconds)}`, bad),
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
function runConfig({ split, seed, data, quick }: TrainOptions, steps: number): Json {
  return { data: data === undefined ? 'emoji' : resolve(data), split, seed, steps, quick, recipe: RECIPE };
}

function facts(options: TrainOptions, metrics: MetricsFile, training: string, bad: Quarantine): ReportInput['facts'] {
  return [
    ['pairs', options.data ?? 'emoji pictures of emoji-datasource-google, names of emojibase-data'],
    ['held out', `${metrics.candidates}, split ${metrics.split}, seed ${metrics.seed}`],
    ['not usable', bad.toString()],
    ['training', training],
    ['whole run', `${formatSeconds(metrics.seconds)}, at most ${Math.round(metrics.peakRssMiB)} MiB of memory`],
    ['engine', options.backend],
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
  console.log(`\nTry next:
  npm run search -- "a red heart"                 pictures for words
  npm run search -- "a red heart" --rerank 50     the same, looked at again by the fused matcher
  npm run search -- --image some/picture.png      pictures like a picture
  open ${join(path, 'report.html')}`);
}
