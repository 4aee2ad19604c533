import { join } from 'node:path';
import type { JsonObject } from '@diptych/core';
import { DataLoader, pairs as inMemory } from '@diptych/data';
import type { AttentionFusion } from '@diptych/fusion';
import { addLora, BatchNorm2d, freeze, freezeExceptLast, Linear, Module, mergeLora, unfreeze } from '@diptych/nn';
import {
  AdamW,
  ImageTextMatching,
  InfoNCE,
  type MultiModalEncoder,
  Trainer,
  WeightedSum,
  warmupConstant,
} from '@diptych/train';
import { FolderCheckpoints, type StartedRun } from '@diptych/train/node';
import { trainingCaptions } from '../../data/captions.js';
import type { Pair } from '../../data/pair.js';
import { type Progress, showProgress } from '../../terminal/progress.js';
import { say } from '../../terminal/say.js';
import { shownPairs } from '../examples.js';
import type { Towers } from './open-towers.js';
import type { Tune } from './tower-names.js';

/** Every number of training the towers themselves, after their heads. */
export const FINE_TUNE_RECIPE = {
  batchSize: 128,
  /** Pairs that go through the towers at once: the memory of a step, not its result. */
  chunkSize: 16,
  loraRate: 2e-4,
  towerRate: 1e-5,
  headRate: 1e-4,
  rank: 8,
  alpha: 16,
  /** Blocks at the end of a tower without linear layers, which LoRA has no hold on. */
  lastBlocks: 1,
  weightDecay: 0.05,
  clipNorm: 1,
  warmup: 10,
  epochs: 20,
  quickEpochs: 1,
  patience: 3,
} as const satisfies JsonObject;

/** How {@link fineTune} trains. */
export interface FineTuneOptions {
  readonly tune: Exclude<Tune, 'heads'>;
  readonly epochs: number;
  readonly seed: number;
  /** The run's folder, for checkpoints. */
  readonly folder: string;
  readonly started: Pick<StartedRun, 'log' | 'showPairs'>;
  readonly signal: AbortSignal;
}

/**
 * Trains the towers of a model whose heads are trained: a low-rank change of their linear layers (`lora`), or all of their weights but
 * batch norms (`all`). The validation pairs choose the epoch.
 *
 * @returns the validation score of the model as it is now, by mean reciprocal rank; undefined if it was interrupted
 */
export async function fineTune(
  encoder: MultiModalEncoder<AttentionFusion>,
  towers: Towers,
  pairs: { readonly fitted: readonly Pair[]; readonly validation: readonly Pair[] },
  { tune, epochs, seed, folder, started, signal }: FineTuneOptions,
): Promise<number | undefined> {
  const { batchSize, chunkSize, headRate, weightDecay, clipNorm, warmup, patience } = FINE_TUNE_RECIPE;
  const rate = { learningRate: openUp(towers, tune, seed) };
  const loader = loaderOf(towers, pairs.fitted, {
    batchSize: Math.min(batchSize, pairs.fitted.length),
    seed,
    training: true,
  });
  const validation = loaderOf(towers, pairs.validation, { batchSize: chunkSize, seed, training: false });
  const trainer = new Trainer(encoder, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching() },
    ]),
    optimizer: new AdamW({ learningRate: headRate, weightDecay, groups: trainingTowers(encoder, rate) }),
    schedule: warmupConstant({ warmup }),
    chunkSize,
    clipNorm,
    seed,
  });
  const measure = async () => {
    const { textToImage, imageToText } = await trainer.evaluate(validation);
    return (textToImage.mrr + imageToText.mrr) / 2;
  };
  const checkpoint = new FolderCheckpoints(join(folder, 'checkpoints'), { keepLast: 1, keepBest: 1 });
  const total = epochs * Math.floor(pairs.fitted.length / Math.min(batchSize, pairs.fitted.length));
  let progress: Progress | undefined;
  started.showPairs(shownPairs(pairs.validation));
  try {
    const { stopped } = await trainer.fit(loader, {
      epochs,
      signal,
      checkpoint,
      checkpointEvery: { epochs: 1 },
      resume: true,
      log: started.log,
      onStep: (report) => {
        progress ??= showProgress(total, report.step - 1);
        progress.update(report);
      },
      onEvent: (event) => {
        if (event.kind === 'resumed') say(`going on from step ${event.step}`);
        else if (event.kind === 'warning' || event.kind === 'checkpointFailed') console.warn(event.message);
      },
      validate: { retrieval: { heldOut: validation }, everyEpochs: 1, monitor: 'mrr', patience },
    });
    if (stopped === 'aborted') return undefined;
    await trainer.resume(checkpoint, 'best', { onEvent: () => {} });
    const score = await measure();
    // a model that stands for itself: adapters are no part of its description
    for (const tower of [towers.image, towers.text]) if (tower instanceof Module) mergeLora(tower);
    return score;
  } finally {
    progress?.stop();
    trainer.dispose();
    await Promise.all([loader.close(), validation.close()]);
  }
}

/**
 * Lets the towers train as far as `tune` says.
 *
 * @returns the learning rate that suits what trains
 */
function openUp(towers: Towers, tune: FineTuneOptions['tune'], seed: number): number {
  const { loraRate, towerRate, rank, alpha, lastBlocks } = FINE_TUNE_RECIPE;
  for (const tower of [towers.image, towers.text]) {
    if (!(tower instanceof Module)) continue;
    freeze(tower, '**');
    if (tune === 'all') unfreeze(tower, '**');
    else if ([...tower.namedModules()].some(([, module]) => module instanceof Linear))
      addLora(tower, '**', { rank, alpha, seed });
    else freezeExceptLast(lastBlocks, tower);
    // statistics of a few pictures are worse than those of a million
    for (const [path, module] of tower.namedModules()) if (module instanceof BatchNorm2d) freeze(tower, `${path}.*`);
  }
  return tune === 'all' ? towerRate : loraRate;
}

/** Groups of the optimizer for those towers of which something trains. */
function trainingTowers(encoder: MultiModalEncoder<AttentionFusion>, rate: { readonly learningRate: number }) {
  const names = [...encoder.namedParameters()].filter(([, { trainable }]) => trainable).map(([name]) => name);
  return Object.fromEntries(
    ['image.tower', 'text.tower']
      .filter((tower) => names.some((name) => name.startsWith(`${tower}.`)))
      .map((tower) => [tower, rate]),
  );
}

function loaderOf(
  { transform, tokenizer, tokenize }: Towers,
  pairs: readonly Pair[],
  { batchSize, seed, training }: { readonly batchSize: number; readonly seed: number; readonly training: boolean },
): DataLoader {
  const rows = pairs.map((pair) => ({
    id: pair.image,
    image: pair.image,
    text: training ? trainingCaptions(pair) : pair.text,
  }));
  return new DataLoader(inMemory(rows), {
    transform: training ? transform.varied : transform.plain,
    tokenizer,
    ...tokenize,
    batchSize,
    seed,
    strict: true,
    shuffle: training,
    dropLast: training,
    captions: training ? 'random' : 'first',
  });
}
