import '@tensorflow/tfjs-backend-cpu';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPart, type FusedOutputs, type Optimizer, type PairBatch } from '@diptych/core';
import { addLora, Generator, Linear } from '@diptych/nn';
import {
  AdamW,
  defineOptimizer,
  evaluate,
  InfoNCE,
  kinds,
  Lion,
  Trainer,
  type TrainerOptions,
  type TrainingEvent,
  warmupCosine,
} from '@diptych/train';
import { FolderCheckpoints } from '@diptych/train/node';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceOf, tinyBatches } from '../../test/tiny-model.js';
import { tinyModel, tinyTrainer } from '../../test/tiny-run.js';

// Runs as people of comparable trainers broke theirs, by public reports; in brackets where.

beforeAll(() => tf.setBackend('cpu'));
const root = mkdtempSync(join(tmpdir(), 'brought-runs-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const folderOf = () => join(root, String(count++));
const source = (size = 6) => sourceOf(tinyBatches(5, size));

type Fit = Parameters<ReturnType<typeof tinyTrainer>['fit']>;
async function fit(trainer: ReturnType<typeof tinyTrainer>, options: Fit[1], batches: Fit[0] = source()) {
  const events: TrainingEvent[] = [];
  const result = await trainer.fit(batches, { onEvent: (event) => void events.push(event), ...options });
  return { result, events, warnings: events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])) };
}
const changesOf = (events: readonly TrainingEvent[]) =>
  events.flatMap((event) => (event.kind === 'resumed' ? event.changes : []));
const adamW = (options = {}) =>
  new AdamW({ learningRate: 1e-2, groups: { matcher: { learningRate: 4e-2 } }, ...options });
/** A run of some steps, and one that goes on with it. */
async function resumed(before: Partial<TrainerOptions<FusedOutputs>>, after: Partial<TrainerOptions<FusedOutputs>>) {
  const checkpoint = folderOf();
  await fit(tinyTrainer(tinyModel(), before), { steps: 3, checkpoint });
  return fit(tinyTrainer(tinyModel(), after), { steps: 5, checkpoint, resume: true });
}

describe('a resumed run', () => {
  it('under a longer schedule says the rates of before and now (open_clip#413, OneTrainer#1604)', async () => {
    const schedule = (total: number) => ({ optimizer: adamW(), schedule: warmupCosine({ total }) });
    const { events } = await resumed(schedule(10), schedule(100));
    const changes = changesOf(events);
    expect(changes.map(({ what }) => what).sort()).toEqual(
      ['fusion', 'image', 'logit_scale', 'matcher', 'text'].map((tower) => `learningRates.${tower}`),
    );
    for (const { before, now } of changes) expect(now).toBeGreaterThan(before as number);
  });

  it('with other settings of the optimizer takes these, and says so (vortex#70, kohya_ss#1924)', async () => {
    const { events } = await resumed(
      { optimizer: adamW() },
      { optimizer: adamW({ weightDecay: 0.5, betas: [0.8, 0.999] }) },
    );
    expect(changesOf(events)).toEqual([
      { what: 'optimizer.options.weightDecay', before: undefined, now: 0.5 },
      { what: 'optimizer.options.betas', before: undefined, now: [0.8, 0.999] },
    ]);
  });

  it('with another optimizer is refused', async () => {
    await expect(resumed({ optimizer: adamW() }, { optimizer: new Lion({ learningRate: 1e-3 }) })).rejects.toThrow(
      /optimizer train\/lion, got one with optimizer train\/adamw/,
    );
  });

  it('of before optimizers described themselves says nothing of what it cannot know', async () => {
    const checkpoint = folderOf();
    const plain = () => {
      const optimizer = adamW();
      return Object.assign(optimizer, { describe: undefined });
    };
    await fit(tinyTrainer(tinyModel(), { optimizer: plain() as Optimizer }), { steps: 3, checkpoint });
    const trainer = tinyTrainer(tinyModel(), { optimizer: adamW() });
    expect(changesOf((await fit(trainer, { steps: 5, checkpoint, resume: true })).events)).toEqual([]);
  });

  it('keeps the best checkpoint of before, and its patience (rf-detr#969, unsloth-zoo#822)', async () => {
    const checkpoint = folderOf();
    const scores = [0.9, 0.2, 0.3, 0.4, 0.5];
    const options = { checkpoint, validate: { run: () => ({ r: scores.shift()! }), monitor: 'r', patience: 3 } };
    await fit(tinyTrainer(), { epochs: 2, ...options });
    const { result } = await fit(tinyTrainer(), { epochs: 9, resume: true, ...options });
    expect(result).toMatchObject({ stopped: 'early', epochs: 4 });
    expect((await new FolderCheckpoints(join(checkpoint, 'checkpoints')).load('best'))!.state.step).toBe(5);
  });

  it('goes on from the weights that train, not from their averages (YOLOX#1318, schnetpack#785)', async () => {
    const checkpoint = folderOf();
    const losses: number[] = [];
    const onStep = ({ loss }: { loss: number }) => void losses.push(loss);
    const ema = () => tinyTrainer(tinyModel(), { ema: { decay: 0.9 } });
    await fit(ema(), { steps: 6, onStep });
    await fit(ema(), { steps: 3, checkpoint });
    const whole = losses.splice(0);
    await fit(ema(), { steps: 6, checkpoint, resume: true, onStep });
    expect(losses).toEqual(whole.slice(3));
  });
});

describe('averaged weights in the model', () => {
  it('are neither trained on nor saved as the ones that train (nequip#590)', async () => {
    const trainer = tinyTrainer(tinyModel(), { ema: { decay: 0.5 } });
    await fit(trainer, { steps: 2 });
    await trainer.withAverages(async () => {
      await expect(fit(trainer, { steps: 4 })).rejects.toThrow(/inside of withAverages; train and save after it/);
      expect(() => trainer.snapshot()).toThrow(/inside of withAverages/);
      await expect(trainer.withAverages(() => {})).rejects.toThrow(/inside of withAverages/);
    });
    expect((await fit(trainer, { steps: 4 })).result.steps).toBe(4);
  });
});

describe('a batch in which nothing can be told apart', () => {
  const alike = (change: (batch: PairBatch) => Partial<PairBatch>) =>
    sourceOf(tinyBatches(3, 4).map((batch) => ({ ...batch, ...change(batch) })));
  it.each<[string, Fit[0], RegExp]>([
    ['of one pair', source(1), /a batch of one pair: .*nothing to tell apart.*raise batchSize/],
    ['of one pair at the end', [...tinyBatches(1, 4), ...tinyBatches(1, 1)], /a batch of one pair: .*dropLast: true/],
    ['of one id', alike(({ ids }) => ({ ids: ids.map(() => 'x') })), /all 4 pairs of a batch have the id "x"/],
    [
      'of one caption (sentence-transformers#3189)',
      alike(({ tokens }) => ({
        tokens: {
          ...tokens,
          inputIds: Int32Array.from(tokens.inputIds, (_, i) => 2 + (i % 4)),
          attentionMask: tokens.attentionMask.map(() => 1),
        },
      })),
      /all 4 pairs of a batch have one caption/,
    ],
  ])('%s is told, once', async (_, batches, message) => {
    const { warnings } = await fit(tinyTrainer(), { steps: 3 }, batches);
    expect(warnings.filter((warning) => message.test(warning))).toHaveLength(1);
  });

  it('is not told of usual ones', async () => {
    const { warnings } = await fit(tinyTrainer(), { steps: 3 });
    expect(warnings.filter((warning) => warning.includes('nothing to tell apart'))).toEqual([]);
  });
});

describe('a model that changed after its Trainer was made', () => {
  it('by LoRA is refused, where the new weights would not train', async () => {
    const model = tinyModel();
    const trainer = tinyTrainer(model);
    addLora(model, 'text', { rank: 2 });
    await expect(fit(trainer, { steps: 1 })).rejects.toThrow(
      /parameters that it had not when this Trainer was made.*text\.fc\.lora.* and 1 more; change the model first/,
    );
    expect((await fit(tinyTrainer(model), { steps: 1 })).result.steps).toBe(1);
  });

  it('by a new head is refused', async () => {
    const model = tinyModel();
    const trainer = tinyTrainer(model);
    Object.assign(model.image, { fc: new Linear(6, 8, { generator: new Generator(1) }) });
    await expect(fit(trainer, { steps: 1 })).rejects.toThrow(/image\.fc\.weight and 1 more; change the model first/);
  });

  it('by being freed is refused, and so is a trainer that is', async () => {
    const model = tinyModel();
    const trainer = tinyTrainer(model);
    model.dispose();
    await expect(fit(trainer, { steps: 1 })).rejects.toThrow(/the model was disposed of: .* is freed/);
    const other = tinyTrainer();
    other.dispose();
    await expect(fit(other, { steps: 1 })).rejects.toThrow(/this trainer was disposed of; make a new Trainer/);
  });
});

describe('numbers that are none', () => {
  it('of a validation are told, not taken for worse ones (unsloth-zoo#822)', async () => {
    const validate = { run: () => ({ r: Number.NaN }), monitor: 'r', patience: 2 };
    const { result, warnings } = await fit(tinyTrainer(), { epochs: 5, validate });
    expect(result.stopped).toBe('early');
    expect(warnings.filter((warning) => /r is NaN, which counts as no better/.test(warning))).toHaveLength(2);
  });

  it('among embeddings are told by evaluate (DALLE2-pytorch#310)', async () => {
    const model = tinyModel();
    const [, weight] = [...model.image.namedParameters()].find(([name]) => name === 'fc.weight')!;
    (weight as tf.Variable).assign(tf.fill([8, 6], Number.NaN));
    const said: string[] = [];
    await evaluate(model, source(), { onWarning: (message) => said.push(message) });
    expect(said[0]).toMatch(/30 image and 0 text embeddings of 30 are not finite.*diverged/);
  });

  it('of one picture stop the run, with its pairs and the weights as they were', async () => {
    const batches = tinyBatches(2, 4);
    (batches[1]!.pixels.data as Float32Array)[7] = Number.NaN;
    await expect(fit(tinyTrainer(), { steps: 2 }, batches)).rejects.toThrow(
      /step 1: pixels is not finite; the weights are as before this step; look at the pairs pair 4, pair 5/,
    );
  });
});

describe('captions longer than the text tower reads (CLIP#468)', () => {
  const withTokenizer = (maxLength: number, tokenize = {}) => ({
    ...source(),
    inputs: () => ({ transform: {}, tokenizer: { maxLength, describe: () => ({}) }, tokenize }) as never,
  });
  it.each([
    ['by the tokenizer’s own length', withTokenizer(512), true],
    ['not where the loader cuts', withTokenizer(512, { maxLength: 16 }), false],
    ['not where the tokenizer does', withTokenizer(16), false],
  ])('are foretold %s', async (_, batches, told) => {
    const model = tinyModel();
    Object.assign(model.text, { maxLength: 16 });
    const { warnings } = await fit(tinyTrainer(model), { steps: 1 }, batches);
    const found = warnings.filter((warning) =>
      /cut at 512 tokens, but the text tower reads 16.*maxLength: 16/.test(warning),
    );
    expect(found).toHaveLength(told ? 1 : 0);
  });
});

describe('the learned scale', () => {
  it('of a checkpoint beyond 100 comes back below it (CLIP#530)', async () => {
    const model = tinyModel();
    model.logitScale.assign(tf.scalar(Math.log(200)));
    await fit(tinyTrainer(model, { optimizer: adamW({ learningRate: 1e-3 }), schedule: undefined }), { steps: 1 });
    expect(Math.exp(model.logitScale.dataSync()[0]!)).toBeLessThanOrEqual(100.001);
  });
});

describe('schedules', () => {
  it('do not rise again after their end (OneTrainer#1604), nor warm up beyond it', () => {
    const schedule = warmupCosine({ total: 10, warmup: 2, final: 0.1 });
    expect([9, 10, 11, 20, 50].map(schedule).slice(1)).toEqual([0.1, 0.1, 0.1, 0.1]);
    expect(() => warmupCosine({ total: 10, warmup: 20 })).toThrow(/a warm-up within them, got total 10, warmup 20/);
  });
});

describe('optimizers as descriptions', () => {
  it('are built again, regular expressions too, and refused by name where nobody knows them', () => {
    const options = {
      learningRate: 2e-3,
      groups: [
        { match: /^text\.fc/i, learningRate: 1e-4 },
        { match: 'image', weightDecay: 0 },
      ],
    };
    const description = JSON.parse(JSON.stringify(new AdamW(options).describe()));
    expect(description.kind).toBe('train/adamw');
    const again = buildPart<AdamW>(description, { where: 'test', kinds });
    expect(again.options).toEqual(options);
    const Own = defineOptimizer({
      name: 'Own',
      kind: 'my/own',
      defaults: { learningRate: 1e-3, weightDecay: 0 },
      state: [],
      update: ({ parameter }) => ({ parameter, state: {} }),
    });
    const own = new Own({ learningRate: 1 }).describe();
    expect(() => buildPart(own, { where: 'test', kinds })).toThrow(/got my\/own; import the module/);
    const built = buildPart<{ options: object }>(own, {
      where: 'test',
      kinds: { ...kinds, 'my/own': (given) => new Own(given as object as { learningRate: number }) },
    });
    expect(built.options).toEqual({ learningRate: 1 });
  });

  it('leave their settings in every checkpoint', async () => {
    const checkpoint = folderOf();
    await fit(tinyTrainer(tinyModel(), { optimizer: adamW({ weightDecay: 0.1 }) }), { steps: 1, checkpoint });
    expect(readdirSync(join(checkpoint, 'checkpoints'))).toEqual(['step-000000001']);
    const snapshot = await new FolderCheckpoints(join(checkpoint, 'checkpoints')).load('latest');
    expect((snapshot!.state.settings as { optimizer: unknown }).optimizer).toEqual({
      kind: 'train/adamw',
      options: { learningRate: 1e-2, weightDecay: 0.1, groups: { matcher: { learningRate: 4e-2 } } },
    });
  });
});

it('a loss of labels alone is not held to be a contrastive one', async () => {
  const { contrasts } = await import('./run/nothing-to-tell-apart.js');
  expect(contrasts(new InfoNCE())).toBe(true);
  expect(contrasts({ compute: () => {} })).toBe(false);
  expect(Trainer).toBeDefined();
});
