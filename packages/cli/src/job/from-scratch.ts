import { parametersOf } from '@diptych/core';
import { DataLoader, pairs as inMemory } from '@diptych/data';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { Trainer } from '@diptych/train';
import { JointModel } from 'diptych';
import { captionedSource } from '../data/captions.js';
import type { Pair } from '../data/pair.js';
import { trainCommand } from '../terminal/command-names.js';
import { type Progress, showProgress } from '../terminal/progress.js';
import { say } from '../terminal/say.js';
import { embedWith } from './embed-with.js';
import { evaluate } from './evaluate.js';
import { rankedEvery, rankedPairs, shownPairs } from './examples.js';
import { MEASURED_STEPS, partSizes, secondsPerStep } from './measured.js';
import { afterwards, decodedPictures, evaluation } from './memory-forecast.js';
import type { Material, Method, Trained } from './method.js';
import { buildModel, buildTraining, pictureTransform, RECIPE } from './small-recipe.js';
import { VOCABULARY } from './vocabulary.js';

const CHECKPOINT_EVERY = 100;
/** Held-out pairs that are evaluated where a run is only measured. */
const EVALUATED = 512;
/** Of decoded pictures. */
const CACHE_BYTES = 512 * 2 ** 20;

/** What a run from scratch can be told. */
export interface ScratchOptions {
  readonly steps: number;
  readonly seed: number;
  /** File of word vectors that the words begin at. */
  readonly wordVectors: string | undefined;
}

/** Two small towers from first weights: no downloads, and no knowledge but what the pairs bring. */
export function fromScratch({ steps, seed, wordVectors }: ScratchOptions): Method {
  const transform = pictureTransform();
  const { maxLength, padToMultipleOf } = RECIPE;
  const begin = (train: readonly Pair[], batchSize: number) => {
    const tokenizer = openTokenizer(VOCABULARY);
    const loader = new DataLoader(captionedSource(train), {
      transform,
      tokenizer,
      maxLength,
      padToMultipleOf,
      strict: true,
      batchSize,
      seed,
      captions: 'random',
      shuffle: true,
      dropLast: true,
      cache: 'decoded',
      cacheBytes: CACHE_BYTES,
    });
    const encoder = buildModel(tokenizer.vocabSize, seed, wordVectors);
    return { tokenizer, loader, encoder, trainer: new Trainer(encoder, { ...buildTraining(steps), seed }) };
  };
  return {
    recipe: RECIPE,
    steps,
    transform,
    batchSize: RECIPE.batchSize,
    async measure({ pairs, train, heldOut, batchSize }) {
      const { tokenizer, loader, encoder, trainer } = begin(train, batchSize);
      const seconds = await secondsPerStep(trainer, loader);
      const parts = partSizes(parametersOf(encoder));
      await loader.close();
      // what comes after training takes memory beside it
      const model = new JointModel({ encoder, transform, tokenizer, tokenize: { maxLength, padToMultipleOf } });
      await evaluate(model, await embedWith(model, heldOut.slice(0, EVALUATED)), seed);
      trainer.dispose();
      model.dispose();
      const seen = (1 + MEASURED_STEPS) * batchSize;
      const grows = [
        await decodedPictures(train, seen, CACHE_BYTES),
        evaluation(pairs.length, heldOut.length, RECIPE.embedDim),
        afterwards,
      ];
      return { parts, stages: [{ name: `${steps} steps`, seconds: steps * seconds }], grows };
    },
    async train({ train, heldOut, batchSize, run, started, signal }: Material): Promise<Trained | undefined> {
      const { tokenizer, loader, encoder, trainer } = begin(train, batchSize);
      const ranked = rankedPairs(heldOut);
      started.showPairs(shownPairs(ranked));
      const rows = ranked.map(({ image, text }) => ({ id: image, image, text }));
      const validation = new DataLoader(inMemory(rows), {
        transform,
        tokenizer,
        maxLength,
        padToMultipleOf,
        strict: true,
        batchSize: Math.min(batchSize, rows.length),
        training: false,
        cache: 'decoded',
      });
      let progress: Progress | undefined;
      try {
        const { stopped } = await trainer.fit(loader, {
          steps,
          signal,
          checkpoint: run.path,
          checkpointEvery: { steps: CHECKPOINT_EVERY },
          resume: true,
          log: started.log,
          validate: { retrieval: { heldOut: validation }, everySteps: rankedEvery(steps) },
          onStep: (report) => {
            progress ??= showProgress(steps, report.step - 1);
            progress.update(report);
          },
          onEvent: (event) => {
            if (event.kind === 'resumed') say(`going on from step ${event.step}`);
            else if (
              event.kind === 'warning' ||
              event.kind === 'checkpointFailed' ||
              event.kind === 'checkpointDamaged'
            )
              console.warn(event.message);
          },
        });
        if (stopped !== 'done') {
          say(`\nsaved at step ${trainer.step}; the next ${trainCommand()} goes on from there`);
          trainer.dispose();
          encoder.dispose();
          return undefined;
        }
      } finally {
        progress?.stop();
        await Promise.all([loader.close(), validation.close()]);
      }
      const model = new JointModel({ encoder, transform, tokenizer, tokenize: { maxLength, padToMultipleOf } });
      return {
        model,
        training: `${steps} steps of ${batchSize} pairs`,
        embed: (pairs) => embedWith(model, pairs),
        dispose: () => trainer.dispose(),
      };
    },
  };
}
